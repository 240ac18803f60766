/** kfuncs that need no subsystem: numbers and bits to iterate over, critical sections, casts, references. */
import { E2BIG, EFAULT, EINVAL } from '../errno.js'
import { VmFault } from '../fault.js'
import type { Machine } from '../machine.js'
import { FUNC_HANDLE } from '../memory.js'
import { sizeOf } from '../../../linker/btf/btf-file.js'
import { defineHelpers, defineKfuncs, type Helper } from './table.js'

const BPF_MAX_LOOPS = 8 << 20
/** BITS_ITER_NR_WORDS_MAX of the kernel. */
const MAX_WORDS = 511

/** struct bpf_iter_num: the current and the end number. */
function numbersNew(m: Machine): void {
  const at = m.writable(1, 8)
  const [start, end] = [m.s32(2), m.s32(3)]
  const { view } = m.memory
  const failed = start > end ? -EINVAL : end - start > BPF_MAX_LOOPS ? -E2BIG : 0
  view.setInt32(at, failed ? 0 : start - 1, true)
  view.setInt32(at + 4, failed ? 0 : end, true)
  m.ret(failed)
}

function numbersNext(m: Machine): void {
  const at = m.writable(1, 8)
  const { view } = m.memory
  const current = view.getInt32(at, true)
  if (current + 1 >= view.getInt32(at + 4, true)) {
    view.setInt32(at, 0, true)
    view.setInt32(at + 4, 0, true)
    m.retAddress(0)
    return
  }
  view.setInt32(at, (current + 1) | 0, true)
  m.retAddress(at)
}

interface Bits {
  readonly words: Uint8Array
  next: number
}

/** Iterators over bits, by the address of their state. */
function bits(m: Machine): Map<number, Bits> {
  const all = (m.extras.get('bits') as Map<number, Bits> | undefined) ?? new Map<number, Bits>()
  m.extras.set('bits', all)
  return all
}

function bitsNew(m: Machine): void {
  const at = m.writable(1, 16)
  const count = m.u32(3)
  m.memory.bytes.fill(0, at, at + 16)
  bits(m).delete(at)
  if (m.isNull(2) || count === 0) m.ret(-EINVAL)
  else if (count > MAX_WORDS) m.ret(-E2BIG)
  else if (!m.memory.access(m.hi[2]!, m.u32(2), count * 8, false)) m.ret(-EFAULT)
  else {
    bits(m).set(at, { words: m.memory.bytes.slice(m.u32(2), m.u32(2) + count * 8), next: 0 })
    m.ret(0)
  }
}

function bitsNext(m: Machine): void {
  const at = m.writable(1, 16)
  const state = bits(m).get(at)
  if (state)
    while (state.next < state.words.length * 8) {
      const bit = state.next++
      if (!((state.words[bit >> 3]! >> (bit & 7)) & 1)) continue
      m.memory.view.setInt32(at + 12, bit, true)
      m.retAddress(at + 12)
      return
    }
  m.retAddress(0)
}

/** bpf_obj_new_impl(local_type_id, meta): an object of one of the program's own types. */
function objectNew(m: Machine): void {
  const { btf } = m.image
  if (!btf) throw new VmFault('bpf_obj_new needs the BTF of the object')
  m.retAddress(m.memory.region('object of bpf_obj_new', sizeOf(btf, m.u32(1))).start)
}

/** Lists and trees of nodes, by the address of their head or root, in order. */
function chain(m: Machine, head: number): number[] {
  const all = (m.extras.get('chains') as Map<number, number[]> | undefined) ?? new Map<number, number[]>()
  m.extras.set('chains', all)
  let found = all.get(head)
  if (!found) {
    found = []
    all.set(head, found)
  }
  return found
}

/** Nodes that are in some list or tree. */
function owned(m: Machine): Set<number> {
  const all = (m.extras.get('owned nodes') as Set<number> | undefined) ?? new Set<number>()
  m.extras.set('owned nodes', all)
  return all
}

function listPush(m: Machine, front: boolean): void {
  const node = m.u32(2)
  if (owned(m).has(node)) {
    m.ret(-EINVAL)
    return
  }
  owned(m).add(node)
  if (front) chain(m, m.u32(1)).unshift(node)
  else chain(m, m.u32(1)).push(node)
  m.ret(0)
}

function listPop(m: Machine, front: boolean): void {
  const list = chain(m, m.u32(1))
  const node = front ? list.shift() : list.pop()
  if (node !== undefined) owned(m).delete(node)
  m.retAddress(node ?? 0)
}

/** bpf_rbtree_add_impl(root, node, less, meta, off): less(node, other) says whether the node goes before. */
function treeAdd(m: Machine): void {
  const [root, node, low, high] = [m.u32(1), m.u32(2), m.lo[3]!, m.hi[3]!]
  if (high !== FUNC_HANDLE) throw new VmFault('bpf_rbtree_add needs a comparison function')
  if (owned(m).has(node)) {
    m.ret(-EINVAL)
    return
  }
  const nodes = chain(m, root)
  let place = 0
  while (place < nodes.length) {
    m.setArg(1, node)
    m.setArg(2, nodes[place]!)
    m.call(low, high)
    if ((m.lo[0]! & 0xff) !== 0) break
    place++
  }
  nodes.splice(place, 0, node)
  owned(m).add(node)
  m.ret(0)
}

function treeRemove(m: Machine): void {
  const nodes = chain(m, m.u32(1))
  const at = nodes.indexOf(m.u32(2))
  if (at < 0) {
    m.retAddress(0)
    return
  }
  owned(m).delete(nodes[at]!)
  m.retAddress(nodes.splice(at, 1)[0]!)
}

/** Of the nodes in order, the middle one is the root; so on both sides. A kernel's tree of the same nodes may have another shape. */
const middle = (from: number, to: number) => (from + to) >> 1

const treeRoot = (nodes: readonly number[]) => nodes[middle(0, nodes.length)] ?? 0

function treeChild(nodes: readonly number[], node: number, side: 'left' | 'right'): number {
  const wanted = nodes.indexOf(node)
  let [from, to] = [0, nodes.length]
  while (wanted >= 0 && from < to) {
    const at = middle(from, to)
    const isHere = at === wanted
    if (wanted < at || (isHere && side === 'left')) to = at
    else from = at + 1
    if (isHere) return from < to ? nodes[middle(from, to)]! : 0
  }
  return 0
}

const nothing: Helper = m => m.ret(0)
/** Returns its argument: references are not counted here. */
const same: Helper = m => {
  m.lo[0] = m.lo[1]!
  m.hi[0] = m.hi[1]!
}

defineKfuncs({
  bpf_iter_num_new: numbersNew,
  bpf_iter_num_next: numbersNext,
  bpf_iter_num_destroy: nothing,
  bpf_iter_bits_new: bitsNew,
  bpf_iter_bits_next: bitsNext,
  bpf_iter_bits_destroy: nothing,
  bpf_rcu_read_lock: nothing,
  bpf_rcu_read_unlock: nothing,
  bpf_preempt_disable: nothing,
  bpf_preempt_enable: nothing,
  bpf_local_irq_save: nothing,
  bpf_local_irq_restore: nothing,
  bpf_rdonly_cast: same,
  bpf_obj_new_impl: objectNew,
  bpf_obj_drop_impl: nothing,
  bpf_percpu_obj_new_impl: objectNew,
  bpf_percpu_obj_drop_impl: nothing,
  bpf_refcount_acquire_impl: same,
  bpf_list_push_front_impl: m => listPush(m, true),
  bpf_list_push_back_impl: m => listPush(m, false),
  bpf_list_front: m => m.retAddress(chain(m, m.u32(1))[0] ?? 0),
  bpf_list_back: m => m.retAddress(chain(m, m.u32(1)).at(-1) ?? 0),
  bpf_list_pop_front: m => listPop(m, true),
  bpf_list_pop_back: m => listPop(m, false),
  bpf_rbtree_add_impl: treeAdd,
  bpf_rbtree_remove: treeRemove,
  bpf_rbtree_root: m => m.retAddress(treeRoot(chain(m, m.u32(1)))),
  bpf_rbtree_left: m => m.retAddress(treeChild(chain(m, m.u32(1)), m.u32(2), 'left')),
  bpf_rbtree_right: m => m.retAddress(treeChild(chain(m, m.u32(1)), m.u32(2), 'right')),
  bpf_rbtree_first: m => m.retAddress(chain(m, m.u32(1))[0] ?? 0),
  bpf_task_acquire: same,
  bpf_task_release: nothing,
  bpf_cgroup_acquire: same,
  bpf_cgroup_release: nothing,
})

defineHelpers([
  {
    id: 194,
    name: 'bpf_kptr_xchg',
    run: m => {
      const at = m.writable(1, 8)
      const { view } = m.memory
      const [low, high] = [view.getInt32(at, true), view.getInt32(at + 4, true)]
      view.setInt32(at, m.lo[2]!, true)
      view.setInt32(at + 4, m.hi[2]!, true)
      m.lo[0] = low
      m.hi[0] = high
    },
  },
])

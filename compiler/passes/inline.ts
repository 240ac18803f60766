/**
 * Puts callees into their callers: what is `always_inline`, static functions with one call, and small static ones. Never a global
 * function that the kernel can verify on its own (other objects may replace it), never a `noinline` one. Callees come first, so that what is
 * put in has been simplified; cycles are left as calls.
 */
import { keepsArgument } from '../ir/object-lives.js'
import { foldBinary, foldCast, foldCompare } from '../ir/fold.js'
import {
  type Block,
  bitsOf,
  type Func,
  jump,
  MAX_ARGS,
  type Module,
  successors,
  terminatorOperands,
  type Value,
} from '../ir/ir.js'
import { type CType, canonical } from '../typecheck/types.js'
import { Cloner } from './clone.js'
import type { FunctionPass, ModulePass } from './pass.js'
import { SettledPasses } from './settled-passes.js'

/** Weight up to which a static function with several calls is still put in; clang's threshold of 225 at 5 an instruction. */
const SMALL = 45
/** Callees up to so many times as large are looked at with their arguments; what numbers among them leave may be this long, and this share. */
const WORTH_A_LOOK = 4
const LEFT = 2 / 3
const SMALL_FOR_CALL = 80
const CALL_WEIGHT = 6
/** Instructions up to which a caller keeps growing by what is not `always_inline`. */
const CALLER_LIMIT = 20_000

/** What to put in: `always_inline` alone (-O0 and -O1), with it what cannot be called for its number of arguments, or what is worth it. */
export type Extent = 'always' | 'uncallable' | 'all'

/** `simplify` runs on every function before it is put into others. */
export function inlinePass(only: Extent, simplify: readonly FunctionPass[]): ModulePass {
  return {
    kind: 'module',
    name: 'inline',
    run(module, options, sink) {
      const counts = countCalls(module)
      let changed = false
      const settled = new SettledPasses()
      const done = new Set<Func>()
      const gone = new Set<Func>()
      for (const func of calleesFirst(module)) {
        const inlined = inlineInto(func, done, counts, only)
        if (inlined.size > 0) {
          changed = true
          if (!func.optnone)
            for (const pass of simplify)
              if (!options.disabledPasses.has(pass.name) && !settled.has(func, pass))
                settled.note(func, pass, pass.run(func, module, options, sink))
        }
        done.add(func)
        // What has gone into its last caller is dropped at once: in large programs that is most of what there is.
        for (const callee of inlined) {
          if (counts.calls.get(callee) !== 0 || callee.binding !== 'local' || callee.used || counts.referred.has(callee)) continue
          callee.blocks = []
          gone.add(callee)
        }
      }
      if (gone.size > 0) module.funcs.splice(0, module.funcs.length, ...module.funcs.filter(func => !gone.has(func)))
      return changed
    },
  }
}

interface CallCounts {
  readonly calls: Map<Func, number>
  readonly addressTaken: Set<Func>
  /** Those, and what edges and terminators name. */
  readonly referred: Set<Func>
  readonly contexts: ReadonlySet<CType>
}

function countCalls(module: Module): CallCounts {
  const calls = new Map<Func, number>()
  const addressTaken = new Set<Func>()
  const referred = new Set<Func>()
  const refer = (value: Value): void => {
    if (value.op === 'func') referred.add(value.func!)
  }
  for (const func of module.funcs) {
    for (const block of func.blocks) {
      for (const value of terminatorOperands(block.terminator)) refer(value)
      for (const edge of successors(block)) for (const arg of edge.args) refer(arg)
      for (const inst of block.insts) {
        if (inst.op === 'call') calls.set(inst.func!, (calls.get(inst.func!) ?? 0) + 1)
        for (const arg of inst.args) if (arg.op === 'func') addressTaken.add(arg.func!)
      }
    }
  }
  for (const global of module.globals)
    for (const reloc of global.relocs) if ('blocks' in reloc.target) addressTaken.add(reloc.target)
  for (const func of addressTaken) referred.add(func)
  return { calls, addressTaken, referred, contexts: contextTypes(module) }
}

/** Functions with bodies, callees before callers; within a cycle in order of discovery. */
function calleesFirst(module: Module): Func[] {
  const order: Func[] = []
  const seen = new Set<Func>()
  for (const root of module.funcs) {
    if (seen.has(root) || root.isDeclaration) continue
    seen.add(root)
    const stack: { readonly func: Func; readonly callees: Func[]; next: number }[] = [
      { func: root, callees: calleesOf(root), next: 0 },
    ]
    while (stack.length) {
      const top = stack[stack.length - 1]!
      const callee = top.callees[top.next++]
      if (callee === undefined) {
        order.push(top.func)
        stack.pop()
      } else if (!seen.has(callee) && !callee.isDeclaration) {
        seen.add(callee)
        stack.push({ func: callee, callees: calleesOf(callee), next: 0 })
      }
    }
  }
  return order
}

function calleesOf(func: Func): Func[] {
  const callees: Func[] = []
  for (const block of func.blocks) for (const inst of block.insts) if (inst.op === 'call') callees.push(inst.func!)
  return callees
}

export function sizeOf(func: Func): number {
  let size = 0
  for (const block of func.blocks) {
    size += block.insts.length + 1
    for (const inst of block.insts) if (inst.op === 'begin') size--
  }
  return size
}

function wanted(call: Value, counts: CallCounts, only: Extent, callerSize: number): boolean {
  const callee = call.func!
  if (callee.naked) return false
  if (callee.alwaysInline) return true
  if (only === 'always' || callee.noInline || callee.optnone || callee.section !== undefined) return false
  if (only === 'uncallable') return callee.binding === 'local' && callee.params.length > MAX_ARGS
  if (
    callee.binding !== 'local' &&
    !(callee.binding === 'global' && unverifiable(callee, counts.contexts) && sizeOf(callee) <= SMALL)
  )
    return false
  if (callerSize > CALLER_LIMIT) return false
  if (counts.calls.get(callee) === 1 && !counts.addressTaken.has(callee)) return true
  const size = sizeOf(callee)
  return (
    weigh(callee) <= SMALL + CALL_WEIGHT + call.args.length ||
    (size <= SMALL * WORTH_A_LOOK && sizeFor(callee, call.args) <= Math.min(SMALL_FOR_CALL, size * LEFT))
  )
}

/** Instructions that are left of a callee when it knows the numbers among its arguments: decided branches, folded arithmetic. */
function sizeFor(callee: Func, args: readonly Value[]): number {
  const known = new Map<Value, bigint>()
  callee.params.forEach((param, i) => {
    const arg = args[i]
    if (arg?.op === 'const' && arg.type === param.type) known.set(param, arg.value)
  })
  if (known.size === 0) return Number.POSITIVE_INFINITY
  const numberOf = (value: Value) => (value.op === 'const' ? value.value : known.get(value))
  const reached = new Set<Block>([callee.entry])
  let size = 0
  // Each block is looked at once: parameters of blocks, which may bring several values, count as unknown.
  for (const block of reached) {
    for (const inst of block.insts) {
      const folded = foldOn(inst, numberOf)
      if (folded === undefined) size += weightOf(inst)
      else known.set(inst, folded)
    }
    if (block.terminator.kind !== 'br') size++
    const { terminator } = block
    const condition = terminator.kind === 'condbr' ? numberOf(terminator.condition) : undefined
    if (terminator.kind === 'condbr' && condition !== undefined)
      reached.add(condition ? terminator.then.block : terminator.otherwise.block)
    else for (const edge of successors(block)) reached.add(edge.block)
  }
  return size
}

function weigh(func: Func): number {
  let weight = 0
  for (const block of func.blocks) {
    if (block.terminator.kind !== 'br') weight++
    for (const inst of block.insts) if (inst.op !== 'begin') weight += weightOf(inst)
  }
  return weight
}

/** As LLVM's InlineCost weighs: arguments are an instruction each, calls of functions are long (it takes helpers for less), and what becomes part of another instruction is nothing. */
function weightOf(inst: Value): number {
  if (inst.op === 'call') return CALL_WEIGHT + inst.args.length
  if (inst.op === 'callhelper') return 1 + inst.args.length
  return inst.op === 'trunc' || (inst.op === 'ptradd' && inst.args[1]!.op === 'const') ? 0 : 1
}

/** The value of an instruction all of whose operands are known. */
function foldOn(inst: Value, numberOf: (value: Value) => bigint | undefined): bigint | undefined {
  if (inst.args.length === 0 || inst.args.length > 2) return undefined
  const [a, b] = inst.args.map(numberOf)
  if (a === undefined || (inst.args.length === 2 && b === undefined)) return undefined
  const { type } = inst.args[0]!
  if (inst.op === 'icmp') return foldCompare(inst.predicate, type, a, b!) ? 1n : 0n
  if (inst.op === 'zext' || inst.op === 'sext' || inst.op === 'trunc') return foldCast(inst.op, type, inst.type, a)
  if (inst.op === 'and' || inst.op === 'or' || inst.op === 'xor' || inst.op === 'add')
    return foldBinary(inst.op, inst.type, a, b!)
  return undefined
}

/**
 * Whether the kernel could not verify the function on its own (btf_prepare_func_args): a global one's `void *` says nothing of what may be
 * accessed, its result must be a number, and a pointer that is no context may be null, so that it is of use only behind a check. clang puts
 * such functions into their callers when they are small, and programs rely on it.
 */
function unverifiable(func: Func, contexts: ReadonlySet<CType>): boolean {
  if (!func.decl) return false
  const result = canonical(func.decl.type.result)
  if (result.kind !== 'int' && result.kind !== 'enum') return true
  const unchecked = new Set(func.params)
  const used = new Set<Value>()
  for (const block of func.blocks) {
    for (const inst of block.insts) {
      for (const arg of inst.args) used.add(arg)
      if (inst.op === 'icmp') for (const arg of inst.args) unchecked.delete(arg)
    }
    // Where it is merged with others it can be checked under another name.
    for (const edge of successors(block)) for (const arg of edge.args) unchecked.delete(arg)
  }
  return func.decl.type.params.some((param, i) => {
    const plain = canonical(param.type)
    if (plain.kind !== 'pointer' || param.declTags.length > 0) return false
    const to = canonical(plain.to)
    if (to.kind === 'void') return true
    const value = func.params[i]
    if (value === undefined || !unchecked.has(value) || !used.has(value)) return false
    return !contexts.has(to)
  })
}

/** What the module's programs get as their context: a pointer to one is never null. */
function contextTypes(module: Module): Set<CType> {
  const types = new Set<CType>()
  for (const func of module.funcs) {
    const first = func.section === undefined ? undefined : func.decl?.type.params[0]
    const pointer = first && canonical(first.type)
    if (pointer?.kind === 'pointer') types.add(canonical(pointer.to))
  }
  return types
}

/** Puts callees into a function; answers which. */
function inlineInto(func: Func, done: ReadonlySet<Func>, counts: CallCounts, only: Extent): Set<Func> {
  const inlined = new Set<Func>()
  let size = sizeOf(func)
  const out: Block[] = []
  // Blocks are handled in order; the rest of a split block is put back to be looked at.
  const work = func.blocks.slice().reverse()
  while (work.length) {
    const block = work.pop()!
    out.push(block)
    const at = block.insts.findIndex(
      inst =>
        inst.op === 'call' &&
        done.has(inst.func!) &&
        inst.func !== func &&
        (!func.optnone || inst.func!.alwaysInline) &&
        wanted(inst, counts, only, size),
    )
    if (at < 0) continue
    const callee = block.insts[at]!.func!
    size += sizeOf(callee)
    const { blocks, rest } = splice(func, block, at)
    for (const each of blocks) out.push(each)
    work.push(rest)
    inlined.add(callee)
    // The copies' own calls were decided when the callee was handled; they count as calls of their targets.
    for (const target of calleesOf(callee)) counts.calls.set(target, (counts.calls.get(target) ?? 0) + 1)
    counts.calls.set(callee, counts.calls.get(callee)! - 1)
  }
  func.blocks = out
  return inlined
}

/** Replaces the call at `index` of `block` by a copy of the callee; gives the copied blocks and the block that goes on after the call. */
function splice(func: Func, block: Block, index: number): { blocks: Block[]; rest: Block } {
  const call = block.insts[index]!
  const callee = call.func!
  const cloner = new Cloner(func)
  callee.params.forEach((param, i) => {
    cloner.values.set(param, argument(func, block, index, call.args[i], param))
  })
  // Adapting arguments may have put instructions before the call.
  const at = block.insts.indexOf(call)
  const blocks = cloner.clone(callee.blocks, true)

  const rest = func.block(block.name)
  rest.insts = block.insts.slice(at + 1)
  rest.terminator = block.terminator
  block.insts = block.insts.slice(0, at)
  block.terminator = jump({ block: blocks[0]!, args: [] }, call.loc)

  // The call's own value becomes the parameter of the block after it, so that its uses stay as they are.
  if (call.type !== 'void') {
    call.op = 'blockparam'
    call.args = []
    call.func = undefined
    rest.params = [call]
  }
  for (const copy of blocks) {
    const terminator = copy.terminator
    if (terminator.kind === 'ret') {
      const args = call.type === 'void' ? [] : [fit(func, copy, terminator.value, call)]
      copy.terminator = jump({ block: rest, args }, terminator.loc)
    }
  }
  // Stack objects of the callee are the caller's now.
  const entry = blocks[0]!
  const allocas = entry.insts.filter(inst => inst.op === 'alloca')
  if (allocas.length) {
    entry.insts = entry.insts.filter(inst => inst.op !== 'alloca')
    if (block === func.entry) {
      const first = block.insts.findIndex(inst => inst.op !== 'alloca')
      block.insts.splice(first < 0 ? block.insts.length : first, 0, ...allocas)
    } else func.entry.insts.unshift(...allocas)
    // Once the callee has returned nothing of them is left. Uses tell that, but not where the address went into memory: there it is said as the
    // beginning of a new life, of which nobody makes use.
    for (const alloca of addressesKept(blocks, allocas)) rest.insts.unshift(func.value('begin', 'void', [alloca], call.loc))
  }
  return { blocks, rest }
}

/** Objects whose address is stored, or merged with others. */
export function addressesKept(blocks: readonly Block[], allocas: readonly Value[]): Set<Value> {
  const own = new Set(allocas)
  const kept = new Set<Value>()
  const keep = (value: Value): void => {
    let at = value
    while (at.op === 'ptradd') at = at.args[0]!
    if (own.has(at)) kept.add(at)
  }
  for (const block of blocks) {
    for (const inst of block.insts) {
      if (inst.op === 'store') keep(inst.args[1]!)
      else if (inst.op === 'select' || inst.op === 'opaque' || inst.op === 'asm') inst.args.forEach(keep)
      else if (inst.op === 'call')
        inst.args.forEach((arg, i) => {
          if (keepsArgument(inst, i)) keep(arg)
        })
    }
    for (const edge of successors(block)) edge.args.forEach(keep)
  }
  return kept
}

/** The argument in the parameter's type: calls through casts and without prototypes may differ in width. */
function argument(func: Func, block: Block, index: number, given: Value | undefined, param: Value): Value {
  if (!given) return func.value('undef', param.type)
  const made = convert(func, given, param.type)
  if (made !== given) block.insts.splice(index, 0, made)
  return made
}

function fit(func: Func, block: Block, value: Value | undefined, call: Value): Value {
  if (!value) return func.value('undef', call.type)
  const made = convert(func, value, call.type)
  if (made !== value) block.insts.push(made)
  return made
}

function convert(func: Func, value: Value, type: Value['type']): Value {
  if (value.type === type) return value
  if (type === 'ptr' && value.type === 'i64') return func.value('inttoptr', type, [value], value.loc)
  if (value.type === 'ptr' && type === 'i64') return func.value('ptrtoint', type, [value], value.loc)
  if (type === 'ptr' || value.type === 'ptr') return func.value('undef', type)
  return func.value(bitsOf(value.type) > bitsOf(type) ? 'trunc' : 'zext', type, [value], value.loc)
}

/**
 * dump, link and btf dump against llvm-objdump and bpftool: CPU of the whole process, ours less that of an empty Node process. On the object of a small
 * tool, on the largest selftests' where BPFC_OBJECTS names a folder with clang's objects of them, and on the running kernel's BTF.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, median, once } from './measure.mjs'

const ROUNDS = 9
const VMLINUX = '/sys/kernel/btf/vmlinux'

/** Median milliseconds of CPU of ours (less an empty process of Node) and of a peer, run in turn. */
function compare(empty, ours, peer) {
  const rows = { empty: [], ours: [], peer: [] }
  for (let i = 0; i < ROUNDS; i++) {
    rows.empty.push(once(process.execPath, [empty]).cpu)
    rows.ours.push(once(process.execPath, ours).cpu)
    rows.peer.push(once(peer[0], peer.slice(1)).cpu)
  }
  const ms = values => Math.round(median(values) * 1000)
  return { ours: Math.max(0, ms(rows.ours) - ms(rows.empty)), peer: ms(rows.peer) }
}

export async function run({ root }) {
  const figures = ['dump', 'link', 'btf dump'].map(figure => ({ figure }))
  const objdump = ['llvm-objdump-19', 'llvm-objdump'].find(has)
  if (!objdump || !has('bpftool'))
    return figures.map(row => ({ ...row, skipped: `there is no ${objdump ? 'bpftool' : 'llvm-objdump'}` }))
  const scratch = join(root, '.cache/bench')
  mkdirSync(scratch, { recursive: true })
  const empty = join(scratch, 'empty.cjs')
  writeFileSync(empty, '')
  const bpfc = join(root, 'dist/bpfc.cjs')
  const tool = join(scratch, 'tool.bpf.o')
  const built = spawnSync(process.execPath, [bpfc, 'build', join(root, 'examples/exec-audit/exec_audit.bpf.c'), '-o', tool], {
    encoding: 'utf8',
  })
  if (built.status !== 0) throw new Error(`bpfc build: ${built.stderr}`)
  const rows = []
  const add = (figure, words, peer) =>
    rows.push({ figure, unit: 'ms CPU', peerName: peer.slice(0, 3).join(' '), ...compare(empty, [bpfc, ...words], peer) })
  const onObject = (what, object) => {
    add(`dump, ${what}`, ['dump', '--only', 'programs', '--no-source', object], [objdump, '-d', '--no-show-raw-insn', object])
    add(`dump with C lines, ${what}`, ['dump', '--only', 'programs', object], [objdump, '-S', '--no-show-raw-insn', object])
    add(
      `link, ${what}`,
      ['link', '-o', join(scratch, 'linked.o'), object],
      ['bpftool', 'gen', 'object', join(scratch, 'peer.o'), object],
    )
    add(`btf dump, ${what}`, ['btf', 'dump', object], ['bpftool', 'btf', 'dump', 'file', object])
  }
  onObject("a tool's object", tool)
  const folder = process.env.BPFC_OBJECTS
  for (const name of ['pyperf600', 'core_kern']) {
    const object = folder && join(folder, `${name}.o`)
    if (object && existsSync(object)) onObject(name, object)
    else rows.push({ figure: name, skipped: 'BPFC_OBJECTS names no folder with it' })
  }
  if (existsSync(VMLINUX)) {
    add('btf dump, kernel', ['btf', 'dump', VMLINUX], ['bpftool', 'btf', 'dump', 'file', VMLINUX])
    add(
      'btf dump, kernel as C',
      ['btf', 'dump', VMLINUX, '--format', 'c'],
      ['bpftool', 'btf', 'dump', 'file', VMLINUX, 'format', 'c'],
    )
  } else rows.push({ figure: 'btf dump, kernel', skipped: `there is no ${VMLINUX}` })
  return rows
}

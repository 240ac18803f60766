/**
 * Lists what a kernel has and the tables do not: helpers, program, attach and map types of its uapi header, kernel functions that programs
 * may call of its BTF. The first step when a kernel version is added (docs/adding-a-kernel.md).
 *
 * usage: node scripts/run-ts.mjs scripts/list-new-kernel-facts.ts --btf FILE [--uapi include/uapi/linux/bpf.h] [--format json]
 *
 * The BTF alone has it all for kernels whose BTF names its enums (5.4 and later); the header is asked for what the BTF lacks.
 * Kernel functions are told by their `bpf_kfunc` tag, which kernels before 6.10, and those built with an older pahole, do not
 * have: for those read the BTF_ID_FLAGS sets of the source
 * (scripts/gen-kernel-kfuncs.mjs).
 */
import { readFileSync } from 'node:fs'
import { readBtf } from '../linker/btf/btf-file.js'
import { BtfKind, type BtfSet } from '../linker/btf/btf-types.js'
import { AttachType, MapType, ProgType } from '../linker/object/uapi.js'
import { helperNames } from '../runtime/kernel/helper-names.js'
import { knownKfuncs } from '../runtime/kernel/kfuncs.js'
import { progTypes } from '../runtime/kernel/prog-types.js'

const options = new Map<string, string>()
for (let i = 2; i < process.argv.length; i += 2) options.set(process.argv[i]!.replace(/^--/, ''), process.argv[i + 1] ?? '')
const btfPath = options.get('btf')
if (!btfPath) {
  console.error('list-new-kernel-facts: needs --btf FILE (/sys/kernel/btf/vmlinux of the kernel), and may take --uapi FILE')
  process.exit(2)
}
const btf = readBtf(new Uint8Array(readFileSync(btfPath)))
const header = options.has('uapi') ? readFileSync(options.get('uapi')!, 'utf8') : ''

/** Names and numbers of the enumerators that begin with a prefix, from the BTF's enums and the header. */
function enumerators(set: BtfSet, text: string, prefix: string): Map<string, number> {
  const found = new Map<string, number>()
  for (let id = 1; id < set.count; id++) {
    const type = set.type(id)
    if (type.kind !== BtfKind.Enum || !type.values[0]?.name.startsWith('BPF_')) continue
    for (const { name, value } of type.values) if (name.startsWith(prefix)) found.set(name, Number(value))
  }
  const body = new RegExp(`enum \\w+ \\{([^}]*\\b${prefix}[^}]*)\\}`).exec(text)?.[1] ?? ''
  let next = 0
  for (const [, name, value] of body.matchAll(/^\s*(\w+)\s*(?:=\s*(\w+))?,?/gm)) {
    if (value !== undefined) next = Number(value)
    if (name!.startsWith(prefix) && !found.has(name!) && Number.isFinite(next)) found.set(name!, next)
    next++
  }
  return found
}

/** Helpers that the header's mapper names, else the enumerators of enum bpf_func_id. */
function helpers(): Map<string, number> {
  const found = new Map<string, number>()
  for (const [name, id] of enumerators(btf, '', 'BPF_FUNC_')) found.set(name.slice('BPF_FUNC_'.length), id)
  for (const [, name, id] of header.matchAll(/\bFN\((\w+)(?:,\s*(\d+))?/g))
    if (id && !found.has(name!)) found.set(name!, Number(id))
  return found
}

/** Functions with a `bpf_kfunc` tag. */
function kernelFunctions(): string[] {
  const names = new Set<string>()
  for (let id = 1; id < btf.count; id++) {
    const type = btf.type(id)
    if (type.kind !== BtfKind.DeclTag || type.name !== 'bpf_kfunc') continue
    const target = btf.type(type.type)
    if (target.kind === BtfKind.Func) names.add(target.name)
  }
  return [...names].sort()
}

const missing = (all: ReadonlyMap<string, number>, known: Readonly<Record<string, number>>, prefix: string): string[] => {
  const numbers = new Set(Object.values(known))
  return [...all]
    .filter(([name, value]) => !numbers.has(value) && !/^__|_UNSPEC$|MAX/.test(name.slice(prefix.length)))
    .map(([name, value]) => `${name} = ${value}`)
}

const withRows: Readonly<Record<string, number>> = Object.fromEntries([...progTypes.values()].map(row => [row.name, row.type]))
const attachNames = new Set(Object.keys(AttachType).map(name => `BPF_${name}`))

/** Enumerators of enum bpf_attach_type, which have no prefix of their own. */
function attachTypes(): string[] {
  for (let id = 1; id < btf.count; id++) {
    const type = btf.type(id)
    if (type.kind === BtfKind.Enum && type.name === 'bpf_attach_type') return type.values.map(value => value.name)
  }
  const body = /enum bpf_attach_type \{([^}]*)\}/.exec(header)?.[1] ?? ''
  return [...body.matchAll(/^\s*(BPF_\w+)/gm)].map(match => match[1]!)
}

const functions = kernelFunctions()
const result = {
  helpers: [...helpers()]
    .filter(([name, id]) => helperNames[id] !== name && !/^__|MAX/.test(name))
    .map(([name, id]) => `bpf_${name} = ${id}`),
  programTypes: missing(enumerators(btf, header, 'BPF_PROG_TYPE_'), ProgType, 'BPF_PROG_TYPE_'),
  programTypesWithoutRow: [...enumerators(btf, header, 'BPF_PROG_TYPE_')]
    .filter(([name, value]) => value !== 0 && !/^__|MAX/.test(name.slice(14)) && !Object.values(withRows).includes(value))
    .map(([name]) => name),
  mapTypes: missing(enumerators(btf, header, 'BPF_MAP_TYPE_'), MapType, 'BPF_MAP_TYPE_'),
  attachTypes: attachTypes().filter(name => !attachNames.has(name) && !/^__|MAX/.test(name)),
  kernelFunctions: functions.filter(name => !knownKfuncs.includes(name)),
}
if (options.get('format') === 'json') console.log(JSON.stringify(result, undefined, 2))
else
  for (const [what, names] of Object.entries(result)) {
    const none = what === 'kernelFunctions' && functions.length === 0 ? 'none is tagged in this BTF' : 'all in the tables'
    console.log(`${what.replace(/[A-Z]/g, c => ` ${c.toLowerCase()}`)}: ${names.length === 0 ? none : ''}`)
    for (const name of names) console.log(`  ${name}`)
  }

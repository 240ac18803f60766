/**
 * A TypeScript module that knows an object: its maps with typed keys and values, its globals and programs, and its bytes. It needs
 * nothing but a backend that moves bytes, be that bpfc's VM or the running kernel.
 */
import type { BpfObject } from '../object/bpf-object.js'
import { skeletonMaps } from './sections.js'
import { property, TsTypes } from './ts-types.js'

/** `bytes` is the object file, which goes into the module as base64; `name` is for the comment at its head. */
export function tsSkeleton(object: BpfObject, bytes: Uint8Array, name: string): string {
  const types = object.btf && new TsTypes(object.btf)
  const maps: string[] = []
  const globals: string[] = []
  const sized: string[] = []
  const constants: string[] = []
  for (const { identifier, def, vars } of skeletonMaps(object)) {
    if (def.data && def.type === 2) {
      if (!types || vars.length === 0) continue
      const members = vars.map(({ name: variable, type, offset }) => {
        const { text, codec } = types.of(type)
        if (def.data!.readonly && def.data!.section !== '.kconfig') constants.push(`    ${property(variable)}?: ${text}`)
        return `      ${property(variable)}: new Global<${text}>(backend, ${JSON.stringify(def.name)}, ${def.valueSize}, ${offset}, ${codec}, ${def.data!.readonly}),`
      })
      globals.push(`    ${property(identifier)}: {\n${members.join('\n')}\n    },`)
      continue
    }
    sized.push(`    ${property(def.name)}?: MapChange`)
    const side = (type: number, size: number) =>
      types && type !== 0 ? types.of(type) : { text: 'Uint8Array', codec: `raw(${size})` }
    const key = side(def.keyType, def.keySize)
    const value = side(def.valueType, def.valueSize)
    maps.push(
      `    ${property(identifier)}: new TypedMap<${key.text}, ${value.text}>(backend, ${JSON.stringify(def.name)}, ${key.codec}, ${value.codec}),`,
    )
  }
  const programs = object.programs.map(
    program =>
      `    ${property(program.name)}: new Program(backend, ${JSON.stringify(program.name)}, ${JSON.stringify(program.section)}),`,
  )
  const section = (label: string, lines: readonly string[]) =>
    `    ${label}: {\n${lines.map(line => `  ${line.replaceAll('\n', '\n  ')}`).join('\n')}\n    },`
  const changes = (label: string, lines: readonly string[]) =>
    lines.length === 0 ? '' : `  ${label}?: {\n${lines.join('\n')}\n  }\n`
  const body = `${(types?.declarations ?? []).join('\n')}
/** What can be changed before the object is loaded: \`load(object, changes)\` of bpfc. */
export type Changes = {
${changes('maps', sized)}${changes(
  'programs',
  object.programs.map(program => `    ${property(program.name)}?: ProgramChange`),
)}${changes('constants', constants)}}

/** The object's maps, globals and programs over a backend. */
export function bind(backend: Backend) {
  return {
${section('maps', maps)}
${section('globals', globals)}
${section('programs', programs)}
  }
}
`
  return `// Made by bpfc skel from ${name}; do not edit.

${runtime(object.little, usedHelpers(body))}
${body}
/** The object file. */
export const object: Uint8Array = Uint8Array.from(
  atob(
${base64(bytes)
  .match(/.{1,120}/g)!
  .map(line => `    '${line}'`)
  .join(' +\n')},
  ),
  character => character.charCodeAt(0),
)
`
}

/** The codecs that a module's body needs, and those that these need. */
function usedHelpers(body: string): string {
  const used: string[] = []
  let text = body
  for (const [name, code] of HELPERS.toReversed()) {
    if (!new RegExp(`\\b${name}[(<]`).test(text)) continue
    used.unshift(code)
    text += code
  }
  return used.map(code => `${code}\n`).join('')
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function base64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const triple = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    const left = bytes.length - i
    text += ALPHABET[triple >> 18]! + ALPHABET[(triple >> 12) & 63]!
    text += (left > 1 ? ALPHABET[(triple >> 6) & 63]! : '=') + (left > 2 ? ALPHABET[triple & 63]! : '=')
  }
  return text
}

/** Codecs that a module gets if it uses them; a later one may use an earlier one. */
const HELPERS: readonly (readonly [string, string])[] = [
  [
    'int',
    `function int(size: 8, signed: boolean): Codec<bigint>
function int(size: number, signed: boolean): Codec<number>
function int(size: number, signed: boolean): Codec<number> | Codec<bigint> {
  switch (size) {
    case 1:
      return {
        size,
        read: (view: DataView, at: number) => (signed ? view.getInt8(at) : view.getUint8(at)),
        write: (view: DataView, at: number, value: number) => view.setUint8(at, value),
      }
    case 2:
      return {
        size,
        read: (view: DataView, at: number) => (signed ? view.getInt16(at, LITTLE) : view.getUint16(at, LITTLE)),
        write: (view: DataView, at: number, value: number) => view.setUint16(at, value, LITTLE),
      }
    case 4:
      return {
        size,
        read: (view: DataView, at: number) => (signed ? view.getInt32(at, LITTLE) : view.getUint32(at, LITTLE)),
        write: (view: DataView, at: number, value: number) => view.setUint32(at, value, LITTLE),
      }
    default:
      return {
        size: 8,
        read: (view: DataView, at: number) => (signed ? view.getBigInt64(at, LITTLE) : view.getBigUint64(at, LITTLE)),
        write: (view: DataView, at: number, value: bigint) => view.setBigUint64(at, BigInt.asUintN(64, value), LITTLE),
      }
  }
}
`,
  ],
  [
    'bool',
    `const bool = (size: number): Codec<boolean> => ({
  size,
  read: (view, at) => view.getUint8(LITTLE ? at : at + size - 1) !== 0,
  write: (view, at, value) => view.setUint8(LITTLE ? at : at + size - 1, value ? 1 : 0),
})
`,
  ],
  [
    'float',
    `const float = (size: 4 | 8): Codec<number> => ({
  size,
  read: (view, at) => (size === 4 ? view.getFloat32(at, LITTLE) : view.getFloat64(at, LITTLE)),
  write: (view, at, value) => (size === 4 ? view.setFloat32(at, value, LITTLE) : view.setFloat64(at, value, LITTLE)),
})
`,
  ],
  [
    'raw',
    `const raw = (size: number): Codec<Uint8Array> => ({
  size,
  read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size).slice(),
  write: (view, at, value) => new Uint8Array(view.buffer, view.byteOffset + at, size).fill(0).set(value.subarray(0, size)),
})
`,
  ],
  [
    'text',
    `/** Bytes up to the first zero. */
const text = (size: number): Codec<string> => ({
  size,
  read: (view, at) => {
    const bytes = raw(size).read(view, at)
    const end = bytes.indexOf(0)
    return new TextDecoder().decode(bytes.subarray(0, end < 0 ? size : end))
  },
  write: (view, at, value) => raw(size).write(view, at, new TextEncoder().encode(value)),
})
`,
  ],
  [
    'array',
    `const array = <T>(codec: Codec<T>, length: number): Codec<T[]> => ({
  size: codec.size * length,
  read: (view, at) => Array.from({ length }, (_, i) => codec.read(view, at + i * codec.size)),
  write: (view, at, value) => {
    for (let i = 0; i < length && i < value.length; i++) codec.write(view, at + i * codec.size, value[i]!)
  },
})
`,
  ],
  [
    'bits',
    `/** A bit field of \`width\` bits that starts \`first\` bits after its byte. */
function bits<T extends number | bigint | boolean>(first: number, width: number, signed: boolean, as: 'number' | 'bigint' | 'boolean'): Codec<T> {
  const size = Math.ceil((first + width) / 8)
  const mask = (1n << BigInt(width)) - 1n
  const shift = BigInt(LITTLE ? first : size * 8 - first - width)
  const word = (view: DataView, at: number) => {
    let value = 0n
    for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(view.getUint8(at + (LITTLE ? size - 1 - i : i)))
    return value
  }
  return {
    size,
    read: (view, at) => {
      const value = (word(view, at) >> shift) & mask
      const exact = signed ? BigInt.asIntN(width, value) : value
      return (as === 'boolean' ? exact !== 0n : as === 'number' ? Number(exact) : exact) as T
    },
    write: (view, at, value) => {
      let next = (word(view, at) & ~(mask << shift)) | ((BigInt(value) & mask) << shift)
      for (let i = 0; i < size; i++, next >>= 8n) view.setUint8(at + (LITTLE ? i : size - 1 - i), Number(next & 255n))
    },
  }
}
`,
  ],
  [
    'struct',
    `// biome-ignore lint/suspicious/noExplicitAny: members of a struct have as many types as there are members
const struct = <T extends object>(size: number, members: readonly (readonly [keyof T & string, number, Codec<any>])[]): Codec<T> => ({
  size,
  read: (view, at) => Object.fromEntries(members.map(([name, offset, codec]) => [name, codec.read(view, at + offset)])) as T,
  write: (view, at, value) => {
    for (const [name, offset, codec] of members) if (value[name] !== undefined) codec.write(view, at + offset, value[name])
  },
})
`,
  ],
]

/** What every generated module starts with: codecs over a DataView, and maps, globals and programs over a backend. */
function runtime(little: boolean, helpers: string): string {
  return `const LITTLE = ${little}

/** Moves bytes in and out of maps and runs programs: bpfc's VM, or the running kernel. */
export interface Backend {
  lookup(map: string, key: Uint8Array): Uint8Array | undefined
  update(map: string, key: Uint8Array, value: Uint8Array, flags?: number): void
  remove(map: string, key: Uint8Array): boolean
  keys(map: string): Iterable<Uint8Array>
  run(program: string, input: unknown): unknown
}

/** Before a map is loaded: what is left out stays as in the source; sizes are bytes. */
export type MapChange = { maxEntries?: number; keySize?: number; valueSize?: number; flags?: number; inner?: string | MapChange }

/** Before a program is loaded: whether it is, the section that it is taken as if from, or what it attaches to. */
export type ProgramChange = { autoload?: boolean; section?: string; attachTo?: string }

/** Reads and writes values of one type at an offset. */
export interface Codec<T> {
  readonly size: number
  read(view: DataView, at: number): T
  write(view: DataView, at: number, value: T): void
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const bytes = new Uint8Array(codec.size)
  codec.write(viewOf(bytes), 0, value)
  return bytes
}

${helpers}/** A map whose keys and values have the types that BTF gives them. */
export class TypedMap<K, V> {
  constructor(
    private readonly backend: Backend,
    readonly name: string,
    private readonly key: Codec<K>,
    private readonly value: Codec<V>,
  ) {}

  get(key: K): V | undefined {
    const bytes = this.backend.lookup(this.name, encode(this.key, key))
    return bytes && this.value.read(viewOf(bytes), 0)
  }

  set(key: K, value: V, flags = 0): void {
    this.backend.update(this.name, encode(this.key, key), encode(this.value, value), flags)
  }

  delete(key: K): boolean {
    return this.backend.remove(this.name, encode(this.key, key))
  }

  *entries(): IterableIterator<[K, V]> {
    for (const bytes of this.backend.keys(this.name)) {
      const value = this.backend.lookup(this.name, bytes)
      if (value) yield [this.key.read(viewOf(bytes), 0), this.value.read(viewOf(value), 0)]
    }
  }
}

/** A global variable, which lives in the map of its section. */
export class Global<T> {
  constructor(
    private readonly backend: Backend,
    private readonly map: string,
    private readonly size: number,
    private readonly offset: number,
    private readonly codec: Codec<T>,
    readonly readonly: boolean,
  ) {}

  private section(): Uint8Array {
    return this.backend.lookup(this.map, new Uint8Array(4)) ?? new Uint8Array(this.size)
  }

  get(): T {
    return this.codec.read(viewOf(this.section()), this.offset)
  }

  set(value: T): void {
    const bytes = this.section().slice()
    this.codec.write(viewOf(bytes), this.offset, value)
    this.backend.update(this.map, new Uint8Array(4), bytes)
  }
}

export class Program {
  constructor(
    private readonly backend: Backend,
    readonly name: string,
    readonly section: string,
  ) {}

  /** What the input is depends on the program's type and the backend: a packet, a context. */
  run(input?: unknown): unknown {
    return this.backend.run(this.name, input)
  }
}
`
}

/**
 * Damaged BPF objects and assembly text given to bpfc's commands in this process: whatever comes, the exit code is one of the documented ones but
 * "internal error", and what is said of a malformed input names a byte or a line of it. For test/cli/damaged-inputs.test.ts and scripts/fuzz-objects.ts.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { FormatError } from '../../base/outcome.js'
import { assembleInline } from '../../assembler/inline-asm.js'
import { assembleConformance, parseConformanceCase } from '../../assembler/syntax/conformance.js'
import { readElf } from '../../linker/elf/read-elf.js'
import { Random } from '../differential/random.js'
import { bpfc } from './cli.js'
import { damage } from './damage.js'

export const damagedKinds = ['elf', 'btf', 'btf-ext', 'asm'] as const
/** What is damaged: the whole object, one of its sections, assembly text. */
export type DamagedKind = (typeof damagedKinds)[number]

const under = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith(ending) && !name.includes('node_modules'))
    .sort()
    .map(name => join(folder, name))

export interface DamagedInput {
  /** The words after `bpfc`; the input is `x.o` or `x.s`, `y.o` an undamaged object. */
  readonly words: readonly string[]
  readonly bytes: Uint8Array
}

/** The examples as `bpfc build --emit` gives them. */
async function examples(emit: 'obj' | 'asm'): Promise<Uint8Array[]> {
  const made: Uint8Array[] = []
  for (const path of under('examples', '.bpf.c')) {
    const { written, err } = await bpfc(['build', 'x.bpf.c', '--btf', 'bundled', '--emit', emit, '-o', 'made'], {
      'x.bpf.c': readFileSync(path),
    })
    if (!written.has('made')) throw new Error(`${path}: ${err}`)
    made.push(written.get('made')!)
  }
  return made
}

// --- objects ---

interface SeedObject {
  readonly bytes: Uint8Array
  /** Where damage goes: headers and sections, from and to. */
  readonly pieces: readonly (readonly [number, number])[]
}

async function seedObjects(kind: Exclude<DamagedKind, 'asm'>, folder: string | undefined): Promise<SeedObject[]> {
  const files = under('test/linker', '.o').map(path => readFileSync(path))
  const given = folder === undefined ? [] : under(folder, '.o').filter(path => statSync(path).size <= 128 << 10)
  return [...files, ...(await examples('obj')), ...given.map(path => readFileSync(path))]
    .map(file => {
      // A copy of its own, for a Buffer is a part of a pool.
      const bytes = new Uint8Array(file)
      const elf = readElf(bytes)
      const sections = elf.sections.filter(({ data }) => data.length > 0)
      const wanted = { elf: undefined, btf: '.BTF', 'btf-ext': '.BTF.ext' }[kind]
      const headers: [number, number][] = [
        [16, 64],
        [Number(new DataView(bytes.buffer).getBigUint64(40, elf.little)), bytes.length],
      ]
      const pieces = sections
        .filter(({ name }) => wanted === undefined || name === wanted)
        .map(({ offset, size }): [number, number] => [offset, offset + size])
      return { bytes, pieces: wanted === undefined ? [...pieces, ...headers] : pieces }
    })
    .filter(({ pieces }) => pieces.length > 0)
}

const commands: readonly string[] = [
  'dump x.o',
  'dump x.o --style bpftool --only btf,programs',
  'dump x.o --json --only sections,symbols,programs,maps,relocations,btf',
  'dump x.o --cfg dot',
  'dump x.o --cfg svg',
  'btf dump x.o',
  'btf dump x.o --format json',
  'btf dump x.o --format c',
  'btf check x.o',
  'btf diff x.o y.o',
  'link x.o y.o -o out.o',
  'link x.o -o out.o',
  'strip x.o -o out.o',
  'core x.o --btf bundled',
  'core x.o --btf bundled --minimize -o out.btf',
  'core y.o --btf x.o',
  'core y.o --btf x.o --minimize -o out.btf',
  'skel x.o --lang c',
  'skel x.o --lang ts',
  'check x.o --kernel 6.18 --btf bundled',
]

function makeObject(seeds: readonly SeedObject[], seed: number): DamagedInput {
  const random = new Random(seed)
  const { bytes, pieces } = random.pick(seeds)
  let damaged = bytes
  for (let times = random.chance(80) ? 1 : 2; times > 0; times--) {
    const [start, end] = random.pick(pieces)
    if (start < damaged.length) damaged = damage(damaged, below => random.next(below), start, Math.min(end, damaged.length))
  }
  return { words: random.pick(commands).split(' '), bytes: damaged }
}

// --- assembly ---

const spice =
  `0 1 -1 0x7fffffff 0xffffffffffffffff 99999999999999999999999 .L1 1f 1b r0 r10 w3 ll goto gotol if exit call callx lock lock_ \\" " ' ( ) [ ] , ; : # // /* */ \\n \\ %
 @progbits @nobits "ax" "aw" .section .text .bss .data .p2align .balign .org .fill .zero .skip .space .rept .endr .irp .macro .endm .if .else .endif .ifdef .set .equ .globl .weak .hidden
 .type .size .long .quad .short .byte .8byte .uleb128 .sleb128 .ascii .asciz .string .comm .lcomm .popsection .pushsection .previous .incbin .include .file .loc .ident .addrsig
 may_goto cmpxchg_64 xchg_64 atomic_fetch_add addr_space_cast bswap16 be16 le64 load_acquire store_release s> s>= & | ^ << >> s>> = += -= *= /= %= s/= &= == != * (u8 (u32 (s8 *)(`.split(
    /\s+/,
  )

async function seedTexts(folder: string | undefined): Promise<string[]> {
  const made = (await examples('asm')).map(bytes => new TextDecoder().decode(bytes))
  const given = folder === undefined ? [] : under(folder, '.s').filter(path => statSync(path).size <= 256 << 10)
  return [...made, ...[...under('test', '.s'), ...given].map(path => readFileSync(path, 'latin1'))]
}

function makeText(seeds: readonly string[], seed: number): DamagedInput {
  const random = new Random(seed)
  let lines = random.pick(seeds).split('\n')
  if (lines.length > 60 && random.chance(50)) {
    const start = random.next(lines.length - 40)
    lines = [...lines.slice(0, 6), ...lines.slice(start, start + 10 + random.next(60))]
  }
  for (let change = random.chance(50) ? 1 : 2 + random.next(4); change > 0; change--) {
    const at = random.next(lines.length)
    const line = lines[at] ?? ''
    const tokens = line.match(/\s+|\w+|[^\w\s]/g) ?? ['']
    switch (random.next(8)) {
      case 0:
        lines.splice(at, 1 + random.next(3))
        break
      case 1:
        lines.splice(at, 0, ...lines.slice(random.next(lines.length)).slice(0, random.next(20)))
        break
      case 2: {
        const other = random.next(lines.length)
        lines[at] = lines[other]!
        lines[other] = line
        break
      }
      case 3:
      case 4:
        tokens[random.next(tokens.length)] = random.pick(spice)
        lines[at] = tokens.join('')
        break
      case 5:
        tokens.splice(random.next(tokens.length), 0, ' ', random.pick(spice), ' ')
        lines[at] = tokens.join('')
        break
      case 6: {
        const other = random.pick(lines).match(/\s+|\w+|[^\w\s]/g) ?? ['']
        tokens.splice(random.next(tokens.length), random.next(4), ...other.slice(random.next(other.length)))
        lines[at] = tokens.join('')
        break
      }
      default: {
        const place = random.next(line.length + 1)
        lines[at] = line.slice(0, place) + String.fromCharCode(random.next(256)) + line.slice(place + random.next(2))
      }
    }
    if (lines.length === 0) lines = ['exit']
  }
  return { words: ['asm', 'x.s', '-o', 'x.o'], bytes: Buffer.from(lines.join('\n'), 'latin1') }
}

// --- what becomes of them ---

async function run(
  words: readonly string[],
  files: Record<string, Uint8Array>,
): Promise<{ outcome: string; written: ReadonlyMap<string, Uint8Array> }> {
  const { code, out, err, written } = await bpfc(words, files)
  if (code === 70 || code === 2) throw Object.assign(new Error(err.split('\n')[0]), { stack: err })
  if ((words[0] === 'dump' || words[0] === 'btf') && /\bundefined\b|\bNaN\b/.test(out))
    throw new Error(`${words.join(' ')} prints undefined or NaN`)
  const fault = /^error\[(F\w+)\]: (.*)$/m.exec(err)
  // What is missing altogether has no place.
  const placed = words[0] === 'asm' ? / --> x\.s:\d+:\d+/.test(err) : /\(at byte \d+\)|no symbol table|no \.BTF section/.test(err)
  if (fault && !placed) throw new Error(`${fault[1]} without a place: ${fault[2]}`)
  return { outcome: `${code} ${words[0]} ${fault?.[1] ?? ''}`, written }
}

async function check({ words, bytes }: DamagedInput, other: Uint8Array): Promise<string> {
  const { outcome, written } = await run(words, { [words[0] === 'asm' ? 'x.s' : 'x.o']: bytes, 'y.o': other })
  if (words[0] !== 'asm') return outcome
  const text = new TextDecoder().decode(bytes)
  assembleInline(text)
  try {
    parseConformanceCase(text)
    assembleConformance(text)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
  const object = written.get('x.o')
  return object ? `${outcome}, then ${(await run(['dump', 'x.o'], { 'x.o': object })).outcome}` : outcome
}

export interface SeedFolders {
  /** Objects beside the fixtures and the examples' own. */
  readonly objects?: string
  /** Assembly beside the golden files and the examples' own. */
  readonly assembly?: string
}

export interface DamagedInputs {
  /** The input of that number, always the same. */
  make(seed: number): DamagedInput
  /** The exit code, the command and the code of the fault; throws where bpfc is wrong. */
  check(input: DamagedInput): Promise<string>
  /** The input as a file to keep. */
  file(input: DamagedInput): { readonly extension: string; readonly bytes: Uint8Array }
}

/** Inputs of one kind. Reads files of the project, so the working folder must be its root. */
export async function damagedInputs(kind: DamagedKind, folders: SeedFolders = {}): Promise<DamagedInputs> {
  const objects = kind === 'asm' ? [] : await seedObjects(kind, folders.objects)
  const texts = kind === 'asm' ? await seedTexts(folders.assembly) : []
  const other = new Uint8Array(readFileSync('test/linker/merge/fixtures/right.bpfel.o'))
  return {
    make: seed => (kind === 'asm' ? makeText(texts, seed) : makeObject(objects, seed)),
    check: input => check(input, other),
    file: ({ bytes }) => ({ extension: kind === 'asm' ? 's' : 'o', bytes }),
  }
}

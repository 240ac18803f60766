/** Reads and writes beyond a map value, the packet or other memory of known size. */
import { BPF_LDX } from '../../../../assembler/isa/opcodes.js'
import { indexOf, isName } from '../c-text.js'
import { hint, type RejectionClass } from '../rejection-class.js'
import { kindText, quoted, type Story } from '../story.js'

interface Region {
  readonly name: string
  readonly size: bigint
  readonly what: string
}

/** What is accessed, by the last register that the complaint names. */
function region(story: Story, regno: number, size: bigint): Region {
  const reg = story.reg(regno)
  const map = story.map(reg)
  if (map?.data) return { name: map.data.section, size, what: `section ${map.data.section} of ${size} bytes` }
  if (map) return { name: map.name, size, what: `a map value of ${size} bytes` }
  return { name: kindText(reg, story), size, what: `memory of ${size} bytes` }
}

const bytes = (count: bigint | number): string => `${count} ${BigInt(count) === 1n ? 'byte' : 'bytes'}`

function outOfBounds(story: Story, regno: number, memSize: bigint, size: bigint, negative: boolean) {
  const area = region(story, regno, memSize)
  const added = story.addedTo(regno)
  const base = BigInt(story.reg(regno).fields.get('off') ?? 0)
  if (!added || (!negative && added.range.umax === 0n)) {
    const off = base
    return {
      message: `\`${story.code}\` is at byte ${off} of ${area.what}, which ends before`,
      label: `${bytes(size)} at offset ${off} of ${area.what}`,
      hint: hint(`stay within the ${area.size} bytes, or make the type of the value larger`),
    }
  }
  const { origin, range } = added
  const scale = origin.scale
  const written = indexOf(story.code)
  const name = written !== undefined && isName(written) ? written : (origin.name ?? written)
  const subject = quoted(name, 'the index')
  const count = (memSize - base - size) / scale + 1n
  const elements = scale > 1n ? `${memSize / scale} elements` : `${memSize} bytes`
  const low = range.smin < 0n && range.umax > 1n << 62n ? range.smin : range.umin
  const high = range.umax > 1n << 62n ? range.smax : range.umax
  const condition = name !== undefined ? name : 'index'
  const notes = origin.notes
  if (negative) {
    return {
      message: `${subject} may be negative here, before the start of ${area.what}`,
      label: `${bytes(size)} below offset 0 of ${area.what}`,
      notes,
      hint: hint(
        'make the variable unsigned, or check both ends',
        `if (${condition} < 0 || ${condition} >= ${count}) ${story.giveUp}`,
      ),
    }
  }
  const most = high / scale
  const unbounded = high >= 1n << 40n
  return {
    message: unbounded
      ? `${subject} is not bounded here, but \`${area.name}\` has ${elements}`
      : `${subject} may be up to ${most} here, but ${area.name.includes(' ') ? area.name : `\`${area.name}\``} has ${elements}`,
    label: unbounded
      ? `${bytes(size)} at any offset of ${area.what}`
      : `${bytes(size)} at offset ${base + (low > 0n ? low : 0n)}..${base + high} of ${area.what}`,
    notes,
    hint: hint('check it against the size first, on the same variable', `if (${condition} >= ${count}) ${story.giveUp}`),
  }
}

const ACCESS = /^invalid access to (map value|map key|memory),? (?:value|key|mem)_size=(\d+) off=(-?\d+) size=(\d+)/

function access(story: Story, regno: number, negative: boolean) {
  const line = story.trace.complaint.map(each => ACCESS.exec(each)).find(each => each !== null)
  const map = story.map(story.reg(regno))
  const memSize = line ? BigInt(line[2]!) : map ? BigInt(map.valueSize) : BigInt(story.reg(regno).fields.get('sz') ?? 0)
  return outOfBounds(story, regno, memSize, line ? BigInt(line[4]!) : 1n, negative)
}

/** The register that a load or store goes through. */
const baseOf = (story: Story, slot: number): number => {
  const { insns } = story.program
  return (insns.code[slot]! & 7) === BPF_LDX ? insns.src[slot]! : insns.dst[slot]!
}

const isMemory = (kind: string): boolean => /^(map_value|map_key|rdonly_mem|ringbuf_mem|alloc_mem|mem|buf)/.test(kind)

export const memoryBounds: readonly RejectionClass[] = [
  {
    code: 'V0203',
    pattern: /^R(\d+) max value is outside of the allowed memory range/,
    explain: (found, story) => (isMemory(story.reg(Number(found[1])).kind) ? access(story, Number(found[1]), false) : undefined),
  },
  {
    code: 'V0203',
    pattern: /^R(\d+) unbounded memory access, make sure to bounds check/,
    explain: (found, story) => (isMemory(story.reg(Number(found[1])).kind) ? access(story, Number(found[1]), false) : undefined),
  },
  {
    code: 'V0204',
    pattern: /^R(\d+) min value is (?:negative, either use unsigned index|outside of the allowed memory range)/,
    explain: (found, story) => {
      const regno = Number(found[1])
      const { fields, kind } = story.reg(regno)
      if (!isMemory(kind)) return undefined
      return Number(fields.get('off') ?? 0) < 0 || story.addedTo(regno) ? access(story, regno, true) : undefined
    },
  },
  {
    code: 'V0205',
    pattern: ACCESS,
    explain: (found, story) => {
      const area = found[1] === 'map value' ? `the map value has ${found[2]} bytes` : `that memory has ${found[2]} bytes`
      const callee = story.callee
      const index = callee === undefined && story.slot !== undefined ? story.addedTo(baseOf(story, story.slot), true) : undefined
      const name = index && (indexOf(story.code) ?? index.origin.name)
      return {
        notes: index?.origin.notes ?? [],
        message:
          name && index.range.umin === index.range.umax
            ? `\`${story.code}\` reaches byte ${Number(found[3]) + Number(found[4]) - 1} where \`${name}\` is ${index.range.umin / index.origin.scale}, but ${area}`
            : callee
              ? `\`${callee}\` may touch byte ${Number(found[3]) + Number(found[4]) - 1}, but ${area}`
              : `\`${story.code}\` reaches byte ${Number(found[3]) + Number(found[4]) - 1}, but ${area}`,
        label: `${bytes(BigInt(found[4]!))} at offset ${found[3]}`,
        hint: hint('access only what is inside the type of the value; `sizeof` of it is the limit'),
      }
    },
  },
  {
    code: 'V0201',
    pattern: /^invalid access to packet, off=(-?\d+) size=(\d+), R(\d+)\(id=\d+,off=(-?\d+),r=(\d+)\)/,
    explain: (found, story) => {
      const [off, size, checked] = [Number(found[1]), Number(found[2]), Number(found[5])]
      const pointer = story.origin(Number(found[3]))
      const variable = story.addedTo(Number(found[3]))
      const data = pointer.kind === 'load' ? pointer.name : undefined
      const last = off + size
      const notes = [...(variable?.origin.notes ?? []), ...pointer.notes.filter(note => !/any number/.test(note.text))]
      const start = data && isName(data) && !variable ? data : '(void *)p'
      return {
        message:
          off < 0
            ? `\`${story.code}\` lies before the start of the packet`
            : checked > 0
              ? `\`${story.code}\` needs ${last} bytes of packet, but only ${checked} are checked on this path`
              : `\`${story.code}\` reads the packet without a check that it is long enough`,
        label: `${bytes(size)} at packet offset ${off}${variable ? ' and more' : ''}, ${checked} checked`,
        notes,
        hint: hint(
          variable
            ? 'compare the pointer that you use, with its size, against data_end right before'
            : 'compare with data_end before the access; a packet may be shorter',
          `if (${start} + ${last} > (void *)(long)ctx->data_end) ${story.giveUp}`,
        ),
      }
    },
  },
  {
    code: 'V0202',
    pattern: /^(?:cannot write into packet|the prog does not allow writes to packet data)/,
    explain: (_found, story) => ({
      message: `${story.programs} may read the packet, but not write it`,
      label: 'writes into the packet',
      hint: hint('use bpf_skb_store_bytes where the program type has it, or a program type that may change packets (xdp, tc)'),
    }),
  },
  {
    code: 'V0206',
    pattern: /^(write into|read from) map forbidden/,
    explain: (found, story) => ({
      message: `the map is ${found[1] === 'write into' ? 'read-only' : 'write-only'} for programs: \`${story.code}\` is not allowed`,
      label: found[1] === 'write into' ? 'writes' : 'reads',
      hint: hint(
        'constants (.rodata) and maps with BPF_F_RDONLY_PROG cannot be written: make the variable not const, or drop the flag',
      ),
    }),
  },
]

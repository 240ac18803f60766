/** Calls of helpers: which may be called, and with what. */
import { MapType } from '../../../../linker/object/uapi.js'
import { isName } from '../c-text.js'
import { hint, type RejectionClass } from '../rejection-class.js'
import { kindText, rangeText, type Story } from '../story.js'

function size(story: Story, regno: number, problem: string, fix: (name: string) => readonly string[], how: string) {
  const origin = story.origin(regno)
  const text = story.argument(regno)
  const name = text !== undefined && isName(text) ? text : origin.name
  const reg = story.reg(regno)
  const range = rangeText(reg.umin, reg.umax, reg.smin, reg.smax)
  return {
    message: `${name ? `\`${name}\`` : 'the size'} ${problem}, but is the size that \`${story.callee ?? 'the function'}\` takes as argument ${regno}`,
    label: `size = ${range ?? 'any number'}`,
    notes: origin.notes,
    hint: hint(how, ...fix(name ?? 'size')),
  }
}

const mapTypeName = (type: number): string => {
  const name = Object.entries(MapType).find(([, value]) => value === type)?.[0]
  return name ? `BPF_MAP_TYPE_${name}` : String(type)
}

export const helperCalls: readonly RejectionClass[] = [
  {
    code: 'V0401',
    pattern: /^R(\d+) unbounded memory access, use 'var &= const' or 'if \(var < const\)'/,
    explain: (found, story) =>
      size(
        story,
        Number(found[1]),
        'has no upper bound',
        name => [`if (${name} >= sizeof(buffer)) ${story.giveUp}`],
        'bound it by the size of the buffer first, on the same variable',
      ),
  },
  {
    code: 'V0402',
    pattern: /^R(\d+) min value is negative, either use unsigned or 'var &= const'/,
    explain: (found, story) =>
      size(
        story,
        Number(found[1]),
        'may be negative',
        name => [`if (${name} < 0) ${story.giveUp}`],
        'make the variable unsigned, or leave when it is negative',
      ),
  },
  {
    code: 'V0403',
    pattern: /^R(\d+) invalid zero-sized read/,
    explain: (found, story) =>
      size(
        story,
        Number(found[1]),
        'may be 0',
        name => [`if (${name} == 0) ${story.giveUp}`],
        'leave when there is nothing to do',
      ),
  },
  {
    code: 'V0404',
    pattern: /^(?:program of this type cannot use helper|unknown func) (\w+)#(\d+)/,
    explain: (found, story) => ({
      message: `${story.programs} cannot call \`${found[1]}\``,
      label: 'not for this type of program, on this kernel',
      hint: hint('use a helper that this program type has, or move the work to a program type that has this one'),
    }),
  },
  {
    code: 'V0405',
    pattern: /^invalid func (\w+)#(-?\d+)/,
    explain: (found, story) => ({
      message: `this kernel has no helper number ${found[2]}${found[1] === 'unknown' ? '' : ` (\`${found[1]}\`)`}`,
      label: story.code,
      hint: hint('ask with bpf_core_enum_value_exists(enum bpf_func_id, …) first, and do without it on kernels that lack it'),
    }),
  },
  {
    code: 'V0406',
    pattern: /^cannot call (GPL-restricted|kernel) function from non-GPL compatible program/,
    explain: (_found, story) => ({
      message: `\`${story.callee ?? 'this function'}\` is only for programs under the GPL, and the license here is "${story.object.license}"`,
      label: 'GPL only',
      hint: hint('declare a license that is compatible, if that is what you want', 'char _license[] SEC("license") = "GPL";'),
    }),
  },
  {
    code: 'V0407',
    pattern: /^R(\d+) type=(\S+) expected=(.*)/,
    explain: (found, story) => {
      const regno = Number(found[1])
      const text = story.argument(regno)
      const given = kindText({ ...story.reg(regno), kind: found[2]! }, story)
      const wanted = found[3]!.split(', ').map(kind => kindText({ ...story.reg(regno), kind, fields: new Map() }))
      const list = [...new Set(wanted)]
      return {
        message: `argument ${regno} of \`${story.callee ?? 'the function'}\`${text ? `, \`${text}\`,` : ''} is ${given}, but must be ${list.slice(0, 4).join(' or ')}`,
        label: `argument ${regno}: ${given}`,
        notes: story.origin(regno).notes,
        hint: hint(
          found[2] === 'scalar' && list.includes('a pointer to the stack')
            ? 'pass the address of a variable or of a map value'
            : 'pass what the function expects',
        ),
      }
    },
  },
  {
    code: 'V0408',
    pattern: /^cannot pass map_type (\d+) into func (\w+)#/,
    explain: (found, story) => {
      const map = story.map(story.reg(1))
      return {
        message: `\`${found[2]}\` does not work on ${map ? `\`${map.name}\`` : 'this map'}, whose type is ${mapTypeName(Number(found[1]))}`,
        label: 'not for maps of this type',
        hint: hint('use the helper that belongs to this type of map, or another type of map'),
      }
    },
  },
  {
    code: 'V0410',
    pattern: /^(?:expected prog array map for tail call|kernel subsystem misconfigured verifier)/,
    explain: (_found, story) => {
      if (story.callee !== 'bpf_tail_call') return undefined
      const map = story.map(story.reg(2))
      return {
        message: `${map ? `\`${map.name}\`` : 'the map'} of a tail call must be a program array${map ? `, and it is a map of type ${mapTypeName(map.type)}` : ''}`,
        label: 'tail call',
        hint: hint('declare the map with __uint(type, BPF_MAP_TYPE_PROG_ARRAY)'),
      }
    },
  },
  {
    code: 'V0409',
    pattern: /^helper access to the packet is not allowed/,
    explain: (_found, story) => ({
      message: `\`${story.callee ?? 'this helper'}\` cannot work on packet memory directly`,
      label: 'a packet pointer is passed',
      hint: hint('copy what it needs to the stack first, and pass the copy'),
    }),
  },
]

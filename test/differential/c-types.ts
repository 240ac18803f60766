/** Random C types for the differential test, each with the ways to name a number inside an object of it. */
import type { Random } from './random.js'

export interface Scalar {
  readonly name: string
  readonly bits: number
  readonly signed: boolean
}

const scalar = (name: string, bits: number, signed: boolean): Scalar => ({ name, bits, signed })

export const integers: readonly Scalar[] = [
  scalar('u8', 8, false),
  scalar('i8', 8, true),
  scalar('u16', 16, false),
  scalar('i16', 16, true),
  scalar('u32', 32, false),
  scalar('i32', 32, true),
  scalar('u64', 64, false),
  scalar('i64', 64, true),
]

const bool = scalar('_Bool', 1, false)
export const scalars: readonly Scalar[] = [...integers, ...integers, ...integers, bool, scalar('char', 8, true)]

/** A number inside an object: what stands behind the object's name to reach it; `index` writes an index that is no constant. */
export interface Leaf {
  readonly path: (random: Random, index?: (length: number) => string) => string
  readonly type: Scalar
  /** Whether `&` may be taken: no bit field, no member that may lie unaligned. */
  readonly addressable: boolean
}

export interface Aggregate {
  /** `struct S1`. */
  readonly name: string
  readonly definition: string
  readonly leaves: readonly Leaf[]
  /** At most; enough to keep programs within 512 bytes of stack. */
  readonly size: number
  /** Every byte of it belongs to a member: it may be compared with memcmp. */
  readonly solid: boolean
  readonly union: boolean
  /**
   * Is a union or holds one: an initializer may leave bytes of it unset that another member reads, so objects of it are cleared with memset and
   * then assigned to.
   */
  readonly loose: boolean
}

export const under = (before: Leaf['path'], leaf: Leaf, addressable: boolean): Leaf => ({
  path: (random, index) => before(random, index) + leaf.path(random, index),
  type: leaf.type,
  addressable: addressable && leaf.addressable,
})

/** A record of random members; `earlier` may be nested in it. */
export function randomAggregate(random: Random, name: string, earlier: readonly Aggregate[]): Aggregate {
  const union = random.chance(20)
  const packed = random.chance(25)
  const lines: string[] = []
  const leaves: Leaf[] = []
  let size = 0
  let solid = packed
  let loose = union
  // Bytes other than 0 and 1 are no value of a _Bool, so it never shares them.
  const types = union ? integers : scalars
  const add = (bytes: number) => {
    size = union ? Math.max(size, bytes) : size + bytes
  }
  const count = 2 + random.next(5)
  for (let i = 0; i < count; i++) {
    const field = `f${i}`
    const type = random.pick(types)
    const bytes = Math.max(1, type.bits >> 3)
    const here = () => `.${field}`
    switch (random.next(10)) {
      case 0:
      case 1:
      case 2: {
        const width = type.bits === 1 ? 1 : 1 + random.next(type.bits)
        lines.push(`${type.name} ${field} : ${width};`)
        if (random.chance(10)) lines.push(`${random.pick(integers).name} : ${random.pick([0, 1, 5])};`)
        leaves.push({ path: here, type, addressable: false })
        solid = false
        add(bytes + 1)
        break
      }
      case 3: {
        const length = random.pick([2, 3, 4, 8])
        if (size + bytes * length > 48) break
        lines.push(`${type.name} ${field}[${length}];`)
        leaves.push({ path: (r, index) => `.${field}[${index?.(length) ?? r.next(length)}]`, type, addressable: !packed })
        if (type.bits === 1) solid = false
        add(bytes * length)
        break
      }
      case 4: {
        const inner = earlier.length ? random.pick(earlier) : undefined
        if (!inner || size + inner.size > 48 || (union && !inner.solid)) break
        lines.push(`${inner.name} ${field};`)
        for (const leaf of inner.leaves) leaves.push(under(here, leaf, !packed))
        solid &&= inner.solid
        loose ||= inner.loose
        add(inner.size)
        break
      }
      case 5: {
        if (type.bits === 1) break
        const other = random.pick(integers)
        loose = true
        lines.push(`union { ${type.name} ${field}; ${other.name} ${field}o; };`)
        leaves.push({ path: here, type, addressable: !packed })
        leaves.push({ path: () => `.${field}o`, type: other, addressable: !packed })
        solid &&= type.bits === other.bits
        add(Math.max(bytes, other.bits >> 3))
        break
      }
      default: {
        const attribute = random.chance(8) ? ' __attribute__((packed))' : random.chance(6) ? ' __attribute__((aligned(8)))' : ''
        lines.push(`${type.name} ${field}${attribute};`)
        leaves.push({ path: here, type, addressable: !packed && !attribute.includes('packed') })
        if (attribute || type.bits === 1) solid = false
        add(bytes + (attribute.includes('aligned') ? 14 : 0))
      }
    }
  }
  if (leaves.length === 0) {
    lines.push('u32 last;')
    leaves.push({ path: () => '.last', type: integers[4]!, addressable: !packed })
    add(4)
  }
  const attributes = packed ? ' __attribute__((packed))' : random.chance(5) ? ' __attribute__((aligned(8)))' : ''
  return {
    name,
    definition: `${name} {\n  ${lines.join('\n  ')}\n}${attributes};\n`,
    leaves,
    size: packed ? size : union ? ((size + 7) >> 3) << 3 : Math.ceil(size * 1.5) + 8,
    solid: solid && !union,
    union,
    loose,
  }
}

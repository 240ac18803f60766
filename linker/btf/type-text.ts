/** A type as one line of C-like text, for messages, comparisons and reports; named types by name, anonymous ones in full. */
import { type BtfId, BtfKind, type BtfSet } from './btf-types.js'

const MAX_DEPTH = 32

/** `struct sock *`, `const char[16]`, `int (*)(u32)`, `union { int a; u8 b[4]; }`. */
export function typeText(btf: BtfSet, id: BtfId, depth = 0): string {
  if (depth > MAX_DEPTH) return '…'
  const type = btf.type(id)
  const inner = (other: BtfId) => typeText(btf, other, depth + 1)
  switch (type.kind) {
    case BtfKind.Void:
      return 'void'
    case BtfKind.Ptr: {
      const target = btf.type(type.type)
      if (target.kind === BtfKind.FuncProto) return protoText(btf, type.type, '(*)', depth + 1)
      const text = inner(type.type)
      return text.endsWith('*') ? `${text}*` : `${text} *`
    }
    case BtfKind.Const:
      return qualified('const', btf, type.type, depth)
    case BtfKind.Volatile:
      return qualified('volatile', btf, type.type, depth)
    case BtfKind.Restrict:
      return qualified('restrict', btf, type.type, depth)
    case BtfKind.TypeTag:
      return `${inner(type.type)} __tag("${type.name}")`
    case BtfKind.Array: {
      let text = inner(type.type)
      const at = text.indexOf('[')
      text = at < 0 ? `${text}[${type.nelems}]` : `${text.slice(0, at)}[${type.nelems}]${text.slice(at)}`
      return text
    }
    case BtfKind.Struct:
    case BtfKind.Union: {
      const word = type.kind === BtfKind.Struct ? 'struct' : 'union'
      if (type.name !== '') return `${word} ${type.name}`
      const members = type.members.map(
        member =>
          `${inner(member.type)}${member.name ? ` ${member.name}` : ''}${member.bitSize ? ` : ${member.bitSize}` : ''} @${member.bitOffset};`,
      )
      return `${word} { ${members.join(' ')} }`
    }
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return type.name !== ''
        ? `enum ${type.name}`
        : `enum { ${type.values.map(value => `${value.name} = ${value.value}`).join(', ')} }`
    case BtfKind.Fwd:
      return `${type.union ? 'union' : 'struct'} ${type.name}`
    case BtfKind.FuncProto:
      return protoText(btf, id, '', depth)
    case BtfKind.Func:
      return protoText(btf, type.type, type.name, depth + 1)
    case BtfKind.Var:
      return `${inner(type.type)} ${type.name}`
    default:
      return type.name
  }
}

function qualified(word: string, btf: BtfSet, id: BtfId, depth: number): string {
  const text = typeText(btf, id, depth + 1)
  return btf.type(id).kind === BtfKind.Ptr ? `${text}${word}` : `${word} ${text}`
}

function protoText(btf: BtfSet, id: BtfId, name: string, depth: number): string {
  const proto = btf.type(id)
  if (proto.kind !== BtfKind.FuncProto) return name
  const params = proto.params.map((param, i) =>
    param.type === 0 && i === proto.params.length - 1
      ? '...'
      : `${typeText(btf, param.type, depth + 1)}${param.name ? ` ${param.name}` : ''}`,
  )
  return `${typeText(btf, proto.type, depth + 1)} ${name}(${params.join(', ') || 'void'})`
}

/** The text form of the intermediate representation (docs/ir.md). What it writes, read.ts reads back to the same text. */
import type { Atom } from '../preprocessor/tokens.js'
import type { CType } from '../typecheck/types.js'
import {
  type AsmInfo,
  type Block,
  bitsOf,
  type Edge,
  type Func,
  type Global,
  type IrType,
  type Module,
  signed,
  type Terminator,
  type Value,
} from './ir.js'

export interface PrintOptions {
  /** Spelling of an atom, for the types of CO-RE values. */
  readonly text?: (atom: Atom) => string
  /** Print source places as `!N` behind instructions. */
  readonly places?: boolean
}

export function printModule(module: Module, options: PrintOptions = {}): string {
  const parts = [
    ...module.fileAsm.map(text => `asm ${quote(text)}\n`),
    ...module.globals.map(printGlobal),
    ...module.funcs.map(func => printFunc(func, options)),
  ]
  return parts.join('\n')
}

export function printGlobal(global: Global): string {
  const words = ['global', symbolName(global.name)]
  if (global.binding !== 'global') words.push(global.binding)
  for (const [on, word] of [
    [global.hidden, 'hidden'],
    [global.isExtern, 'extern'],
    [global.readonly, 'readonly'],
    [global.used, 'used'],
  ] as const)
    if (on) words.push(word)
  words.push(`section ${quote(global.section)}`, `size ${global.size}`, `align ${global.align}`)
  if (global.bytes) words.push(`bytes "${hex(global.bytes)}"`)
  for (const { offset, target, addend } of global.relocs) words.push(`reloc ${offset} ${symbolName(target.name)} ${addend}`)
  return `${words.join(' ')}\n`
}

export function printFunc(func: Func, options: PrintOptions = {}): string {
  const params = func.params.map(param => definition(param)).join(', ')
  const words = [`func ${symbolName(func.name)}(${params}) -> ${func.result}`]
  if (func.binding !== 'global') words.push(func.binding)
  for (const [on, word] of [
    [func.hidden, 'hidden'],
    [func.alwaysInline, 'alwaysinline'],
    [func.noInline, 'noinline'],
    [func.naked, 'naked'],
    [func.noReturn, 'noreturn'],
    [func.optnone, 'optnone'],
    [func.used, 'used'],
  ] as const)
    if (on) words.push(word)
  if (func.section !== undefined) words.push(`section ${quote(func.section)}`)
  if (options.places && func.endLoc) words.push(`!${func.endLoc}`)
  const head = words.join(' ')
  if (func.isDeclaration) return `${head}\n`
  const lines = [`${head} {`]
  for (const block of func.blocks) printBlock(block, lines, options)
  lines.push('}')
  return `${lines.join('\n')}\n`
}

function printBlock(block: Block, lines: string[], options: PrintOptions): void {
  const name = block.name === undefined ? '' : ` ${quote(block.name)}`
  const params = block.params.length ? `(${block.params.map(definition).join(', ')})` : ''
  lines.push(`b${block.id}${params}${name}:`)
  for (const inst of block.insts) lines.push(`  ${printInst(inst, options)}`)
  lines.push(`  ${printTerminator(block.terminator, options)}`)
}

/** A value where it comes to be: `%3: i32 "name"`. */
function definition(value: Value): string {
  return `%${value.id}: ${value.type}${value.name === undefined ? '' : ` ${quote(value.name)}`}`
}

/** A value where it is used; leaves are written out. */
export function operand(value: Value): string {
  switch (value.op) {
    case 'const':
      return `${value.type} ${constant(value.type, value.value)}`
    case 'undef':
      return `${value.type} undef`
    case 'global':
      return `${symbolName(value.global!.name)}${value.offset ? ` + ${value.offset}` : ''}`
    case 'func':
      return symbolName(value.func!.name)
    default:
      return `%${value.id}`
  }
}

/** Small negative numbers as such, everything else unsigned; the reader takes both. */
function constant(type: IrType, value: bigint): string {
  const negative = bitsOf(type) > 1 ? signed(type, value) : value
  return (negative < 0n && negative >= -65536n ? negative : value).toString()
}

const list = (values: readonly Value[]) => values.map(operand).join(', ')

export function printInst(inst: Value, options: PrintOptions = {}): string {
  const result = inst.type === 'void' ? '' : `${definition(inst)} = `
  const words: string[] = [result + head(inst, options)]
  if (inst.op !== 'asmresult' && inst.offset) words.push(`offset ${inst.offset}`)
  if (inst.size) words.push(`size ${inst.size}`)
  if (inst.align) words.push(`align ${inst.align}`)
  if (inst.volatile) words.push('volatile')
  if (inst.signed) words.push('signed')
  if (inst.accessedAs !== undefined) words.push(`as ${quote(inst.accessedAs.join('/'))}`)
  if (inst.order) words.push(`order ${inst.order}`)
  if (options.places && inst.loc) words.push(`!${inst.loc}`)
  return words.join(' ')
}

function head(inst: Value, options: PrintOptions): string {
  const { op, args } = inst
  switch (op) {
    case 'icmp':
      return `icmp ${inst.predicate} ${list(args)}`
    case 'call':
      return `call ${symbolName(inst.func!.name)}(${list(args)})`
    case 'callhelper':
      return `callhelper ${inst.helper}(${list(args)})`
    case 'callindirect':
      return `callindirect ${operand(args[0]!)}(${list(args.slice(1))})`
    case 'atomicrmw':
      return `atomicrmw ${inst.atomic}${inst.fetch ? ' fetch' : ''} ${list(args)}`
    case 'core': {
      const { kind, type, access } = inst.core!
      return `core ${kind} ${coreType(type, options)} ${quote(access)} value ${constant(inst.type, inst.value)}`
    }
    case 'asm':
      return `asm ${asmText(inst.asm!, args)}`
    case 'asmresult':
      return `asmresult ${inst.offset} ${list(args)}`
    default:
      return args.length ? `${op} ${list(args)}` : op
  }
}

/** The template, what comes out, what goes in, what is destroyed. */
function asmText(asm: AsmInfo, args: readonly Value[]): string {
  const outputs = asm.outputs.map(output => `${output.earlyClobber ? '&' : ''}${output.memory ? '*' : ''}${output.type}`)
  const inputs = asm.inputs.map(
    (input, i) => `${input.constraint}${input.tiedTo === undefined ? '' : ` tied ${input.tiedTo}`} ${operand(args[i]!)}`,
  )
  const clobbers = [...asm.clobbers.map(register => `r${register}`), ...(asm.clobbersMemory ? ['memory'] : [])]
  return `${quote(asm.template)}${asm.volatile ? ' volatile' : ''} (${outputs.join(', ')}) (${inputs.join(', ')}) (${clobbers.join(', ')})`
}

function coreType(type: CType, options: PrintOptions): string {
  const text = (atom: Atom | undefined) => quote(atom === undefined ? '' : (options.text?.(atom) ?? `#${atom}`))
  switch (type.kind) {
    case 'typedef':
      return `typedef ${text(type.name)}`
    case 'record':
      return `${type.union ? 'union' : 'struct'} ${text(type.tag)}`
    case 'enum':
      return `enum ${text(type.tag)}`
    case 'int':
    case 'float':
      return `int ${quote(type.name)}`
    case 'qualified':
    case 'tagged':
      return coreType(type.of, options)
    default:
      return `typedef ${quote(type.kind)}`
  }
}

const printEdge = (edge: Edge) => `b${edge.block.id}${edge.args.length ? `(${list(edge.args)})` : ''}`

export function printTerminator(terminator: Terminator, options: PrintOptions = {}): string {
  const place = options.places && terminator.loc ? ` !${terminator.loc}` : ''
  switch (terminator.kind) {
    case 'br':
      return `br ${printEdge(terminator.to)}${terminator.unroll === undefined ? '' : ` unroll ${terminator.unroll}`}${place}`
    case 'condbr': {
      const hint = terminator.likely === undefined ? '' : terminator.likely ? ' likely' : ' unlikely'
      const first = terminator.first ? ` first ${terminator.first}` : ''
      return `condbr ${operand(terminator.condition)}, ${printEdge(terminator.then)}, ${printEdge(terminator.otherwise)}${hint}${first}${place}`
    }
    case 'switch': {
      const cases = terminator.cases.map(({ low, high, to }) => `${low}${high === low ? '' : ` to ${high}`}: ${printEdge(to)}, `)
      return `switch ${operand(terminator.value)} [${cases.join('')}default: ${printEdge(terminator.otherwise)}]${place}`
    }
    case 'ret':
      return `ret${terminator.value ? ` ${operand(terminator.value)}` : ''}${place}`
    case 'unreachable':
      return `unreachable${place}`
    case 'asmgoto': {
      const results = terminator.results.map(definition).join(', ')
      const labels = terminator.labels.map(printEdge).join(', ')
      return `asmgoto ${asmText(terminator.asm, terminator.args)} (${results}) [${printEdge(terminator.next)}, ${labels}]${place}`
    }
  }
}

/** `@name`, quoted where the name is not made of letters, digits, `_`, `.`, `$`. */
export function symbolName(name: string): string {
  return /^[\w.$]+$/.test(name) ? `@${name}` : `@${quote(name)}`
}

/** A string with `\n`, `\t`, `\"`, `\\` and `\xNN`. */
export function quote(text: string): string {
  const escaped = text.replace(/["\\\x00-\x1f\x7f]/g, char =>
    char === '\n'
      ? '\\n'
      : char === '\t'
        ? '\\t'
        : char === '"' || char === '\\'
          ? `\\${char}`
          : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `"${escaped}"`
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

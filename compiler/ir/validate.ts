/**
 * What must hold between passes, checked: every use is dominated by its definition, operands have the types that their operation
 * asks for, edges carry as many arguments as their target has parameters. Answers a list of faults; empty is good.
 */
import { reversePostorder } from './cfg.js'
import { computeDominators, type Dominators } from './dominators.js'
import {
  type Block,
  bitsOf,
  type Edge,
  type Func,
  type IrType,
  type Module,
  successors,
  terminatorOperands,
  type Value,
} from './ir.js'
import { printInst, printTerminator } from './print.js'

export function validateModule(module: Module): string[] {
  return module.funcs.flatMap(validateFunc)
}

const LEAVES = new Set(['const', 'undef', 'global', 'func', 'param'])
const isInt = (type: IrType) => type !== 'void' && type !== 'ptr'

export function validateFunc(func: Func): string[] {
  if (func.isDeclaration) return []
  return new Validation(func).run()
}

class Validation {
  private readonly faults: string[] = []
  private readonly dominators: Dominators
  /** Where a value is defined: its block, and its place in it (-1 for block parameters). */
  private readonly blockOf: (Block | undefined)[]
  private readonly placeOf: Int32Array
  private readonly known: Set<Block>

  constructor(private readonly func: Func) {
    this.known = new Set(func.blocks)
    this.dominators = computeDominators(func)
    this.blockOf = new Array(func.valueCount).fill(undefined)
    this.placeOf = new Int32Array(func.valueCount)
  }

  private fault(where: string, message: string): void {
    this.faults.push(`@${this.func.name}: ${where}: ${message}`)
  }

  run(): string[] {
    const { func } = this
    for (const block of reversePostorder(func))
      if (!this.known.has(block)) this.fault(`b${block.id}`, 'is reached but not in the list of blocks')
    if (this.faults.length > 0) return this.faults
    if (func.entry.params.length > 0) this.fault('entry', 'has block parameters')
    if (this.dominators.predecessors[func.entry.id]!.length > 0) this.fault('entry', 'has predecessors')
    const blockIds = new Set<number>()
    for (const block of func.blocks) {
      if (blockIds.has(block.id)) this.fault(`b${block.id}`, 'its number is used twice')
      blockIds.add(block.id)
      this.define(block)
    }
    for (const block of func.blocks) this.check(block)
    return this.faults
  }

  private define(block: Block): void {
    const define = (value: Value, place: number) => {
      if (value.id >= this.func.valueCount) this.fault(`%${value.id}`, 'its number is beyond valueCount')
      else if (this.blockOf[value.id]) this.fault(`%${value.id}`, 'is defined twice')
      else {
        this.blockOf[value.id] = block
        this.placeOf[value.id] = place
      }
    }
    for (const param of block.params) {
      if (param.op !== 'blockparam') this.fault(`b${block.id}`, `parameter %${param.id} is a ${param.op}`)
      define(param, -1)
    }
    block.insts.forEach(define)
    if (block.terminator.kind === 'asmgoto') for (const result of block.terminator.results) define(result, block.insts.length)
  }

  private check(block: Block): void {
    const reachable = this.dominators.position[block.id]! >= 0
    block.insts.forEach((inst, place) => {
      const where = `b${block.id}: ${printInst(inst)}`
      if (LEAVES.has(inst.op) || inst.op === 'blockparam') this.fault(where, `a ${inst.op} does not stand in a block`)
      if (inst.op === 'alloca' && block !== this.func.entry) this.fault(where, 'alloca outside the entry block')
      if (reachable) for (const arg of inst.args) this.use(arg, block, place, where)
      const wrong = typeFault(inst)
      if (wrong) this.fault(where, wrong)
    })
    const terminator = block.terminator
    const where = `b${block.id}: ${printTerminator(terminator)}`
    const end = block.insts.length
    if (reachable) for (const value of terminatorOperands(terminator)) this.use(value, block, end, where)
    for (const edge of successors(block)) this.edge(edge, block, where, reachable)
    switch (terminator.kind) {
      case 'condbr':
        if (terminator.condition.type !== 'i1') this.fault(where, 'the condition is not an i1')
        break
      case 'switch':
        if (!isInt(terminator.value.type)) this.fault(where, 'the value is not an integer')
        for (const { low, high } of terminator.cases) {
          if (low > high) this.fault(where, `empty case ${low} to ${high}`)
          if (low < 0n || high >> BigInt(bitsOf(terminator.value.type)) !== 0n)
            this.fault(where, `case ${low} is wider than the value`)
        }
        break
      case 'ret': {
        const type = terminator.value?.type ?? 'void'
        if (type !== this.func.result) this.fault(where, `returns ${type} from a function of ${this.func.result}`)
        break
      }
      case 'asmgoto':
        for (const label of terminator.labels)
          if (label.args.length > 0) this.fault(where, 'arguments on a label edge of asm goto')
        break
      default:
    }
  }

  private edge(edge: Edge, from: Block, where: string, reachable: boolean): void {
    const { block, args } = edge
    if (!this.known.has(block)) this.fault(where, `goes to b${block.id}, which is not in the function`)
    if (args.length !== block.params.length)
      this.fault(where, `${args.length} arguments for the ${block.params.length} parameters of b${block.id}`)
    // Results of asm goto live on its edges, so they count as defined before them.
    args.forEach((arg, i) => {
      if (reachable) this.use(arg, from, from.insts.length + 1, where)
      const param = block.params[i]
      if (param && param.type !== arg.type) this.fault(where, `argument ${i} is ${arg.type}, the parameter ${param.type}`)
    })
  }

  private use(value: Value, block: Block, place: number, where: string): void {
    if (LEAVES.has(value.op)) {
      if (value.op === 'param' && this.func.params[value.offset] !== value)
        this.fault(where, `%${value.id} is no parameter of the function`)
      return
    }
    const home = this.blockOf[value.id]
    if (!home) this.fault(where, `uses %${value.id}, which stands nowhere`)
    else if (home === block ? this.placeOf[value.id]! >= place : !this.dominators.dominates(home, block))
      this.fault(where, `uses %${value.id} where its definition has not been passed`)
  }
}

const ADDRESS_FIRST = new Set([
  'load',
  'store',
  'ptradd',
  'atomicrmw',
  'cmpxchg',
  'memcpy',
  'memmove',
  'memset',
  'memcmp',
  'strlen',
  'strcmp',
])
const BINARY = new Set(['add', 'sub', 'mul', 'udiv', 'sdiv', 'urem', 'srem', 'and', 'or', 'xor', 'shl', 'lshr', 'ashr'])
const COUNTS: Readonly<Record<string, number>> = {
  alloca: 0,
  begin: 1,
  load: 1,
  store: 2,
  ptradd: 2,
  icmp: 2,
  zext: 1,
  sext: 1,
  trunc: 1,
  ptrtoint: 1,
  inttoptr: 1,
  addrspacecast: 1,
  bswap: 1,
  select: 3,
  atomicrmw: 2,
  cmpxchg: 3,
  fence: 0,
  memcpy: 2,
  memmove: 2,
  memset: 2,
  memcmp: 2,
  strlen: 1,
  strcmp: 2,
  core: 0,
  asmresult: 1,
  opaque: 1,
  isconst: 1,
  trap: 0,
}
const NO_RESULT = new Set(['begin', 'store', 'fence', 'memcpy', 'memmove', 'memset', 'trap'])
const HAS_RESULT = new Set([...BINARY, ...Object.keys(COUNTS).filter(op => !NO_RESULT.has(op) && op !== 'atomicrmw'), 'loadskb'])

/** What is wrong with the operands or the result of an instruction, if anything. */
function typeFault(inst: Value): string | undefined {
  const { op, args, type } = inst
  const count = BINARY.has(op) ? 2 : COUNTS[op]
  // Until inlining has made it a constant, the size of a copy or fill may be a third operand.
  const sized = args.length === 3 && (op.startsWith('mem') || op === 'strcmp') && args[2]!.type === 'i64'
  if (count !== undefined && args.length !== count && !sized) return `has ${args.length} operands, wants ${count}`
  if (NO_RESULT.has(op) && type !== 'void') return 'has a result'
  if (HAS_RESULT.has(op) && type === 'void') return 'has no result'
  if (op !== 'asmresult' && args.some(arg => arg.type === 'void')) return 'an operand has no value'
  const [first, second] = args as [Value, Value]
  if (ADDRESS_FIRST.has(op) && first.type !== 'ptr') return 'the address is not a pointer'
  if (BINARY.has(op)) {
    if (!isInt(type)) return 'arithmetic on what is not an integer'
    if (first.type !== type || second.type !== type) return 'operands and result differ in type'
    return undefined
  }
  switch (op) {
    case 'alloca':
      return type !== 'ptr' ? 'the result is not a pointer' : inst.size <= 0 ? 'has no size' : undefined
    case 'begin':
      return first.op !== 'alloca' ? 'is not about an alloca' : undefined
    case 'ptradd':
      return type !== 'ptr' || second.type !== 'i64' ? 'is not ptr, i64 -> ptr' : undefined
    case 'icmp':
      return type !== 'i1' ? 'the result is not an i1' : first.type !== second.type ? 'operands differ in type' : undefined
    case 'zext':
    case 'sext':
      return !isInt(type) || !isInt(first.type) || bitsOf(first.type) >= bitsOf(type) ? 'does not widen an integer' : undefined
    case 'trunc':
      return !isInt(type) || !isInt(first.type) || bitsOf(first.type) <= bitsOf(type) ? 'does not narrow an integer' : undefined
    case 'ptrtoint':
      return type !== 'i64' || first.type !== 'ptr' ? 'is not ptr -> i64' : undefined
    case 'inttoptr':
      return type !== 'ptr' || first.type !== 'i64' ? 'is not i64 -> ptr' : undefined
    case 'addrspacecast':
      return type !== 'ptr' || first.type !== 'ptr' ? 'is not ptr -> ptr' : undefined
    case 'bswap':
      return first.type !== type || bitsOf(type) < 16 || type === 'ptr' ? 'swaps what has no bytes to swap' : undefined
    case 'select':
      return first.type !== 'i1'
        ? 'the condition is not an i1'
        : second.type !== type || args[2]!.type !== type
          ? 'arms differ in type'
          : undefined
    case 'isconst':
      return type !== 'i1' ? 'the result is not an i1' : undefined
    case 'opaque':
      return first.type !== type ? 'changes the type' : undefined
    case 'cmpxchg':
      return second.type !== type || args[2]!.type !== type ? 'operands differ in type' : undefined
    case 'atomicrmw':
      return inst.fetch
        ? second.type !== type
          ? 'result and operand differ in type'
          : undefined
        : type !== 'void'
          ? 'has a result without fetch'
          : undefined
    case 'memcpy':
    case 'memmove':
    case 'memcmp':
    case 'strcmp':
      return second.type !== 'ptr' ? 'the source is not a pointer' : undefined
    case 'memset':
      return second.type !== 'i8' ? 'the value is not an i8' : undefined
    case 'call': {
      const callee = inst.func!
      if (type !== callee.result && type !== 'void') return `gives ${type}, @${callee.name} returns ${callee.result}`
      const wrong = callee.params.findIndex((param, i) => args[i] !== undefined && args[i]!.type !== param.type)
      return wrong >= 0 ? `argument ${wrong} is ${args[wrong]!.type}, wants ${callee.params[wrong]!.type}` : undefined
    }
    case 'asm':
      return args.length !== inst.asm!.inputs.length ? 'operands and constraints differ in number' : undefined
    case 'asmresult':
      return first.op !== 'asm' ? 'is not about an asm' : undefined
    case 'core':
      return type !== 'i64' && type !== 'i32' ? 'is neither i64 nor i32' : undefined
    default:
      return undefined
  }
}

/**
 * The text form of the syntax tree (`--emit=ast`): one form in parentheses a node, its kind first. Types are spelled in words, from the
 * name outwards, as one reads them: `{pointer to array of 3 const char}`. A form that fits stays on one line; blocks and bodies never do.
 */
import type { Names } from '../preprocessor/names.js'
import type {
  AsmOperand,
  Attribute,
  Declaration,
  Declarator,
  DeclaratorChunk,
  Designator,
  Expr,
  Initializer,
  LoopHints,
  MemberDeclaration,
  ParamDeclaration,
  Specifiers,
  StaticAssertDeclaration,
  Stmt,
  TypeName,
  TypeSpecifier,
} from './ast.js'
import { Qualifier } from './ast.js'

/** A word, or a list of forms; `block` lists put each item after the head on a line of its own. */
type Form = string | FormList
interface FormList {
  readonly items: readonly Form[]
  /** How many items stay on the first line of a list that is always broken; undefined for one that may stay on one line. */
  readonly head: number | undefined
}

const lineWidth = 120

const list = (...items: readonly (Form | undefined)[]): FormList => ({
  items: items.filter((item): item is Form => item !== undefined && item !== ''),
  head: undefined,
})

/** A list whose items behind the first `head` stand on lines of their own. */
const block = (head: readonly (Form | undefined)[], body: readonly Form[]): FormList => {
  const first = list(...head).items
  return { items: [...first, ...body], head: body.length ? first.length : undefined }
}

/** The tree of a translation unit as text, a form a declaration. */
export function printAst(declarations: readonly Declaration[], names: Names): string {
  const printer = new AstPrinter(names)
  return declarations.map(declaration => `${layOut(printer.declaration(declaration), 0)}\n`).join('')
}

/** The words of a type name, for tests and tools: `pointer to function (int) returning void`. */
export function describeType(specifiers: Specifiers, declarator: Declarator, names: Names): string {
  return new AstPrinter(names).typeWords(specifiers, declarator)
}

/** One line for a form, or undefined where it does not fit into `room`. */
function flat(form: Form, room: number): string | undefined {
  if (typeof form === 'string') return form.length <= room ? form : undefined
  if (form.head !== undefined) return undefined
  let text = '('
  for (const item of form.items) {
    const part = flat(item, room - text.length - 2)
    if (part === undefined) return undefined
    text += text === '(' ? part : ` ${part}`
  }
  return text.length < room ? `${text})` : undefined
}

function layOut(form: Form, indent: number): string {
  const line = flat(form, lineWidth - indent)
  if (line !== undefined) return line
  if (typeof form === 'string') return form
  const { items } = form
  let text = '('
  let onFirstLine = true
  for (const [index, item] of items.entries()) {
    // without a head of its own, leading words stay beside the first
    const stays = form.head !== undefined ? index < form.head : typeof item === 'string'
    if (index === 0) text += layOut(item, indent + 2)
    else if (stays && onFirstLine) text += ` ${layOut(item, indent + 2)}`
    else {
      onFirstLine = false
      text += `\n${' '.repeat(indent + 2)}${layOut(item, indent + 2)}`
    }
  }
  return `${text})`
}

class AstPrinter {
  constructor(private readonly names: Names) {}

  private name(atom: number): string {
    return this.names.text(atom)
  }

  // --- declarations ---

  declaration(node: Declaration): Form {
    switch (node.kind) {
      case 'declaration': {
        const declarators = node.declarators.map(({ declarator, init }) =>
          list(
            this.name(declarator.name ?? 0),
            this.type(node.specifiers, declarator),
            ...this.declaratorExtras(declarator),
            init && this.initializer(init),
          ),
        )
        return list(
          'declare',
          ...this.specifierWords(node.specifiers),
          ...this.bodies(node.specifiers, declarators.length === 0),
          ...declarators,
        )
      }
      case 'function': {
        const { specifiers, declarator, body } = node
        return block(
          [
            'function',
            ...this.specifierWords(specifiers),
            ...this.bodies(specifiers, false),
            this.name(declarator.name ?? 0),
            this.type(specifiers, declarator),
            ...this.declaratorExtras(declarator),
          ],
          body.body.map(statement => this.statement(statement)),
        )
      }
      case 'static_assert':
        return this.staticAssert(node)
      case 'file_asm':
        return list('asm', this.expression(node.text))
      case 'empty':
        return list('empty')
    }
  }

  private staticAssert(node: StaticAssertDeclaration): Form {
    return list('static_assert', this.expression(node.condition), node.message && this.expression(node.message))
  }

  /** Storage and function specifiers, alignment, attributes. */
  private specifierWords(specifiers: Specifiers): Form[] {
    const { storage, threadLocal, inline, noreturn, alignas, attributes } = specifiers
    return [
      ...(storage ? [storage] : []),
      ...(threadLocal ? ['thread_local'] : []),
      ...(inline ? ['inline'] : []),
      ...(noreturn ? ['noreturn'] : []),
      ...alignas.map(operand => list('alignas', this.operand(operand))),
      ...attributes.map(attribute => this.attribute(attribute)),
    ]
  }

  private declaratorExtras(declarator: Declarator): Form[] {
    return [
      ...(declarator.asmLabel ? [list('asm', this.expression(declarator.asmLabel))] : []),
      ...declarator.attributes.map(attribute => this.attribute(attribute)),
    ]
  }

  private attribute(attribute: Attribute): Form {
    const { name, args, type } = attribute
    if (!args.length && !type) return `@${name}`
    return list(`@${name}`, type && this.typeName(type), ...args.map(argument => this.expression(argument)))
  }

  /** What the specifiers define (`alone`: or declare) beside naming a type. */
  private bodies(specifiers: Specifiers, alone: boolean): Form[] {
    const { type } = specifiers
    if (type?.kind === 'record' && (type.members || alone || type.attributes.length)) {
      const head = [
        this.tag(type),
        type.pack ? list('pack', String(type.pack)) : undefined,
        type.preserveAccessIndex ? 'preserve_access_index' : undefined,
        ...type.attributes.map(attribute => this.attribute(attribute)),
      ]
      return [
        block(
          head,
          type.members ? (type.members.length ? type.members.map(member => this.member(member)) : ['(no members)']) : [],
        ),
      ]
    }
    if (type?.kind === 'enum' && (type.enumerators || alone || type.attributes.length)) {
      const head = [
        this.tag(type),
        type.underlying && this.typeName(type.underlying),
        ...type.attributes.map(attribute => this.attribute(attribute)),
      ]
      const enumerators = (type.enumerators ?? []).map(({ name, value, attributes }) =>
        list(this.name(name), value && this.expression(value), ...attributes.map(attribute => this.attribute(attribute))),
      )
      return [block(head, enumerators)]
    }
    if (!type || type.kind === 'builtin') return []
    return alone ? [`{${this.specifierType(type)}}`] : []
  }

  private member(node: MemberDeclaration | StaticAssertDeclaration): Form {
    if (node.kind === 'static_assert') return this.staticAssert(node)
    const { specifiers, declarators } = node
    return list(
      'member',
      ...this.specifierWords(specifiers),
      ...this.bodies(specifiers, declarators.length === 0),
      ...declarators.map(({ declarator, bits }) =>
        list(
          declarator.name === undefined ? undefined : this.name(declarator.name),
          this.type(specifiers, declarator),
          bits && list('bits', this.expression(bits)),
          ...this.declaratorExtras(declarator),
        ),
      ),
    )
  }

  private initializer(node: Initializer): Form {
    if (node.kind !== 'init_list') return this.expression(node)
    return list(
      'init',
      ...node.items.map(({ designators, value }) =>
        designators.length
          ? list('=', ...designators.map(designator => this.designator(designator)), this.initializer(value))
          : this.initializer(value),
      ),
    )
  }

  private designator(node: Designator): Form {
    if (node.kind === 'field') return `.${this.name(node.name)}`
    return list('at', this.expression(node.index), node.to && list('to', this.expression(node.to)))
  }

  // --- types ---

  private type(specifiers: Specifiers, declarator: Declarator): string {
    return `{${this.typeWords(specifiers, declarator)}}`
  }

  private typeName(node: TypeName): Form {
    const { specifiers, declarator } = node
    const bodies = this.bodies(specifiers, false)
    const extras = [...this.specifierWords(specifiers), ...this.declaratorExtras(declarator)]
    const words = this.type(specifiers, declarator)
    return bodies.length || extras.length ? list('type', ...bodies, words, ...extras) : words
  }

  typeWords(specifiers: Specifiers, declarator: Declarator): string {
    const words = declarator.chunks.map(chunk => this.chunk(chunk))
    return [...words, this.baseType(specifiers)].join(' ')
  }

  private baseType(specifiers: Specifiers): string {
    const type = specifiers.type ? this.specifierType(specifiers.type) : 'no type'
    return [...this.qualifiers(specifiers.qualifiers), type].join(' ')
  }

  private qualifiers(bits: number): string[] {
    const words: string[] = []
    if (bits & Qualifier.const) words.push('const')
    if (bits & Qualifier.volatile) words.push('volatile')
    if (bits & Qualifier.restrict) words.push('restrict')
    if (bits & Qualifier.atomic) words.push('_Atomic')
    return words
  }

  private chunk(chunk: DeclaratorChunk): string {
    switch (chunk.kind) {
      case 'pointer': {
        const attributes = chunk.attributes.map(attribute => flat(this.attribute(attribute), Number.POSITIVE_INFINITY)!)
        return [...this.qualifiers(chunk.qualifiers), ...attributes, 'pointer to'].join(' ')
      }
      case 'array': {
        const size = chunk.star ? '*' : chunk.size && this.line(this.expression(chunk.size))
        const inside = [chunk.isStatic && 'static', ...this.qualifiers(chunk.qualifiers)].filter(Boolean).join(' ')
        return ['array of', inside, size].filter(Boolean).join(' ')
      }
      case 'function': {
        if (chunk.unprototyped) return 'function () returning'
        const params = chunk.params.map(param => this.param(param))
        return `function (${[...params, ...(chunk.variadic ? ['...'] : [])].join(', ')}) returning`
      }
    }
  }

  private param(param: ParamDeclaration): string {
    const name = param.declarator.name === undefined ? '' : `${this.name(param.declarator.name)}: `
    const extras = [...this.specifierWords(param.specifiers), ...this.declaratorExtras(param.declarator)]
    return [name + this.typeWords(param.specifiers, param.declarator), ...extras.map(extra => this.line(extra))].join(' ')
  }

  private specifierType(type: TypeSpecifier): string {
    switch (type.kind) {
      case 'builtin':
        return type.words.join(' ')
      case 'record':
      case 'enum':
        return this.tag(type)
      case 'typedef_name':
        return this.name(type.name)
      case 'typeof':
        return `${type.unqualified ? 'typeof_unqual' : 'typeof'} ${this.line(this.operand(type.operand))}`
      case 'auto_type':
        return '__auto_type'
      case 'atomic':
        return `_Atomic ${this.line(this.typeName(type.type))}`
    }
  }

  private tag(type: TypeSpecifier & { readonly kind: 'record' | 'enum' }): string {
    const word = type.kind === 'enum' ? 'enum' : type.union ? 'union' : 'struct'
    return type.name === undefined ? `${word} (unnamed)` : `${word} ${this.name(type.name)}`
  }

  /** A form on one line, however long. */
  private line(form: Form): string {
    if (typeof form === 'string') return form
    return `(${form.items.map(item => this.line(item)).join(' ')})`
  }

  // --- statements ---

  statement(node: Stmt): Form {
    switch (node.kind) {
      case 'compound':
        return block(
          ['block'],
          node.body.map(statement => this.statement(statement)),
        )
      case 'declaration_stmt':
        return this.declaration(node.declaration)
      case 'expression_stmt':
        return list('do_expr', ...node.attributes.map(attribute => this.attribute(attribute)), this.expression(node.expr))
      case 'null_stmt':
        return list('null', ...node.attributes.map(attribute => this.attribute(attribute)))
      case 'if':
        return block(
          ['if', this.expression(node.condition)],
          [this.statement(node.then), ...(node.otherwise ? [this.statement(node.otherwise)] : [])],
        )
      case 'while':
        return block(['while', ...this.hints(node.hints), this.expression(node.condition)], [this.statement(node.body)])
      case 'do':
        return block(
          ['do', ...this.hints(node.hints)],
          [this.statement(node.body), list('while', this.expression(node.condition))],
        )
      case 'for': {
        const { init, condition, step } = node
        const first =
          init &&
          (init.kind === 'declaration' ||
          init.kind === 'function' ||
          init.kind === 'static_assert' ||
          init.kind === 'file_asm' ||
          init.kind === 'empty'
            ? this.declaration(init)
            : this.expression(init))
        return block(
          [
            'for',
            ...this.hints(node.hints),
            first ?? '-',
            condition ? this.expression(condition) : '-',
            step ? this.expression(step) : '-',
          ],
          [this.statement(node.body)],
        )
      }
      case 'switch':
        return block(['switch', this.expression(node.value)], [this.statement(node.body)])
      case 'case':
        return block(
          ['case', this.expression(node.value), node.to && list('to', this.expression(node.to))],
          [this.statement(node.body)],
        )
      case 'default':
        return block(['default'], [this.statement(node.body)])
      case 'label':
        return block(
          ['label', this.name(node.name), ...node.attributes.map(attribute => this.attribute(attribute))],
          [this.statement(node.body)],
        )
      case 'goto':
        return list('goto', this.name(node.label))
      case 'goto_computed':
        return list('goto', this.expression(node.target))
      case 'break':
      case 'continue':
        return list(node.kind)
      case 'return':
        return list('return', node.value && this.expression(node.value))
      case 'asm':
        return list(
          'asm',
          node.volatile ? 'volatile' : undefined,
          this.expression(node.template),
          ...this.asmPart('out', node.outputs),
          ...this.asmPart('in', node.inputs),
          node.clobbers.length ? list('clobbers', ...node.clobbers.map(clobber => JSON.stringify(clobber))) : undefined,
          node.labels.length ? list('labels', ...node.labels.map(label => this.name(label))) : undefined,
        )
      case 'local_labels':
        return list('local_labels', ...node.names.map(name => this.name(name)))
    }
  }

  private hints(hints: LoopHints): Form[] {
    return hints.unroll === undefined ? [] : [list('unroll', String(hints.unroll))]
  }

  private asmPart(word: string, operands: readonly AsmOperand[]): Form[] {
    if (!operands.length) return []
    const forms = operands.map(({ name, constraint, value }) =>
      list(name === undefined ? undefined : `[${this.name(name)}]`, JSON.stringify(constraint), this.expression(value)),
    )
    return [list(word, ...forms)]
  }

  // --- expressions ---

  private operand(node: Expr | TypeName): Form {
    return node.kind === 'type_name' ? this.typeName(node) : this.expression(node)
  }

  expression(node: Expr): Form {
    switch (node.kind) {
      case 'identifier':
        return this.name(node.name)
      case 'number':
      case 'char':
        return this.name(node.text)
      case 'string':
        return node.parts.map(part => this.name(part)).join(' ')
      case 'unary':
        return list(node.op, this.expression(node.operand))
      case 'postfix':
        return list(`post${node.op}`, this.expression(node.operand))
      case 'binary':
        return this.binary(node)
      case 'assign':
        return list(node.op, this.expression(node.left), this.expression(node.right))
      case 'conditional':
        return list(
          '?:',
          this.expression(node.condition),
          node.then ? this.expression(node.then) : '-',
          this.expression(node.otherwise),
        )
      case 'cast':
        return list('cast', this.typeName(node.type), this.expression(node.operand))
      case 'compound_literal':
        return list('literal', this.typeName(node.type), this.initializer(node.init))
      case 'call':
        return list('call', this.expression(node.callee), ...node.args.map(argument => this.operand(argument)))
      case 'index':
        return list('index', this.expression(node.base), this.expression(node.index))
      case 'member':
        return list(node.arrow ? '->' : '.', this.expression(node.base), this.name(node.name))
      case 'sizeof':
      case 'alignof':
        return list(node.kind, this.operand(node.operand))
      case 'statement_expr':
        return block(
          ['statement_expr'],
          node.body.body.map(statement => this.statement(statement)),
        )
      case 'label_address':
        return list('&&', this.name(node.label))
      case 'generic':
        return list(
          'generic',
          this.operand(node.selector),
          ...node.associations.map(({ type, value }) => list(type ? this.typeName(type) : 'default', this.expression(value))),
        )
      case 'offsetof':
        return list('offsetof', this.typeName(node.type), ...node.path.map(designator => this.designator(designator)))
      case 'types_compatible':
        return list('types_compatible', this.typeName(node.left), this.typeName(node.right))
      case 'choose_expr':
        return list('choose_expr', this.expression(node.condition), this.expression(node.then), this.expression(node.otherwise))
      case 'va_arg':
        return list('va_arg', this.expression(node.list), this.typeName(node.type))
    }
  }

  /** A run of one operator (`a + b + c`) stays nested to the left, but is walked without recursion: it may be long. */
  private binary(node: Expr & { kind: 'binary' }): Form {
    const run: (Expr & { kind: 'binary' })[] = []
    let left: Expr = node
    while (left.kind === 'binary') {
      run.push(left)
      left = left.left
    }
    let form = this.expression(left)
    for (const { op, right } of run.reverse()) form = list(op, form, this.expression(right))
    return form
  }
}

/** Structures, unions and enumerations (C11 6.7.2.1, 6.7.2.2). */
import type { Atom, TokenIndex } from '../preprocessor/tokens.js'
import type {
  Attribute,
  Declarator,
  EnumSpecifier,
  Enumerator,
  Expr,
  MemberDeclaration,
  RecordSpecifier,
  StaticAssertDeclaration,
  TypeName,
} from './ast.js'
import { Keyword } from '../preprocessor/names.js'
import { DeclarationRules } from './declaration-rules.js'
import type { Rule } from './expression-rules.js'
import { none, type SyntaxFault } from './parser-core.js'
import { Precedence, T, typeSet } from './token-types.js'

const isName = typeSet(T.Name)
/** What the common forms begin and end with; all others go through the alternatives. */
const beginsMember = typeSet(T.TypedefName, T.BasicType, T.Qualifier, T.StructOrUnion, T.Enum)
const beginsDeclarator = typeSet(T.Name, T.Star)
const endsMember = typeSet(T.Semicolon, T.Comma)

type Member = MemberDeclaration | StaticAssertDeclaration
type MemberDeclarator = MemberDeclaration['declarators'][number]

export abstract class RecordRules extends DeclarationRules {
  readonly recordSpecifier: Rule<[], RecordSpecifier> = this.RULE('recordSpecifier', (): RecordSpecifier => {
    const token = this.take(T.StructOrUnion)
    const union = this.atomOf(token) === Keyword.union
    let attributes: readonly Attribute[] = none
    let name: Atom | undefined
    let members: Member[] | undefined
    let pack = 0
    let preserveAccessIndex = false
    if (!this.RECORDING_PHASE && isName[this.peekType()]) {
      name = this.atomOf(this.take(T.Name))
      if (!this.isNext(T.LBrace))
        return { kind: 'record', ...this.node(token, token), union, name, members, attributes, pack, preserveAccessIndex }
    } else {
      this.MANY(() => {
        attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
      })
      this.OPTION(() => {
        name = this.atomOf(this.take(T.Name))
      })
    }
    if (!this.RECORDING_PHASE && name === undefined && !this.isNext(T.LBrace)) throw this.fault("expected identifier or '{'")
    this.OPTION1(() => {
      pack = this.RECORDING_PHASE ? 0 : this.pragmas.packAt(this.pos)
      preserveAccessIndex = !this.RECORDING_PHASE && this.pragmas.preservesAccessIndexAt(this.pos)
      members = this.SUBRULE(this.memberList)
      this.MANY1({
        GATE: () => !this.isNext(T.LSquare) || this.isAt(1, T.LSquare),
        DEF: () => {
          attributes = this.joined(attributes, this.SUBRULE1(this.attributeSpecifier))
        },
      })
    })
    return { kind: 'record', ...this.node(token, token), union, name, members, attributes, pack, preserveAccessIndex }
  })

  readonly memberList: Rule<[], Member[]> = this.RULE('memberList', (): Member[] => {
    this.enter()
    const open = this.take(T.LBrace)
    const members: Member[] = []
    const add = (): void => {
      const member = this.SUBRULE(this.member)
      if (member) members.push(member)
    }
    if (this.RECORDING_PHASE) this.MANY(add)
    else while (!this.isNext(T.RBrace) && !this.atEnd) this.attempt(add, 'members')
    this.close(T.RBrace, open)
    this.depth--
    return members
  })

  /** One member declaration; undefined for a lone `;`. */
  readonly member: Rule<[], Member | undefined> = this.RULE('member', (): Member | undefined => {
    if (!this.RECORDING_PHASE && beginsMember[this.peekType()]) return this.SUBRULE(this.memberDeclaration)
    this.MANY(() => this.CONSUME(T.Extension))
    return this.OR<Member | undefined>({
      DEF: [
        { ALT: () => this.SUBRULE(this.memberDeclaration) },
        { ALT: () => this.SUBRULE(this.staticAssert) },
        {
          ALT: () => {
            this.CONSUME(T.Semicolon)
            return undefined
          },
        },
      ],
      ERR_MSG: 'expected member declaration',
    })
  })

  readonly memberDeclaration: Rule<[], MemberDeclaration> = this.RULE('memberDeclaration', (): MemberDeclaration => {
    const first = this.next
    const specifiers = this.SUBRULE(this.specifiers)
    const declarators: MemberDeclarator[] = []
    this.OPTION({
      GATE: () => !this.isNext(T.Semicolon) && !this.endsWithTag(specifiers.type),
      DEF: () => {
        declarators.push(this.SUBRULE(this.memberDeclarator))
        this.MANY(() => {
          this.CONSUME(T.Comma)
          declarators.push(this.SUBRULE1(this.memberDeclarator))
        })
      },
    })
    if (!this.RECORDING_PHASE && !declarators.length && !this.isNext(T.Semicolon) && !this.endsWithTag(specifiers.type))
      throw this.fault("expected member name or ';' after declaration specifiers")
    if (!this.RECORDING_PHASE && declarators.length && this.isNext(T.RBrace))
      this.report.warning('S0001', this.last, "expected ';' at end of declaration list", undefined, { hint: "insert ';' here" })
    else this.semicolon('at end of declaration list')
    return { kind: 'member', ...this.node(first, first), specifiers, declarators }
  })

  readonly memberDeclarator: Rule<[], MemberDeclarator> = this.RULE('memberDeclarator', (): MemberDeclarator => {
    const first = this.next
    let declarator!: Declarator
    let bits: Expr | undefined
    let attributes: readonly Attribute[] = none
    if (!this.RECORDING_PHASE && beginsDeclarator[this.peekType()]) {
      declarator = this.SUBRULE(this.tailed, { ARGS: ['named'] })
      if (endsMember[this.peekType()]) return { declarator, bits }
      if (this.isNext(T.Colon)) bits = this.SUBRULE(this.bitWidth)
    } else
      this.OR({
        DEF: [
          {
            ALT: () => {
              declarator = { ...this.node(first, first), name: undefined, chunks: none, attributes: none, asmLabel: undefined }
              bits = this.SUBRULE1(this.bitWidth)
            },
          },
          {
            ALT: () => {
              declarator = this.SUBRULE(this.tailed, { ARGS: ['named'] })
              this.OPTION(() => {
                bits = this.SUBRULE(this.bitWidth)
              })
            },
          },
        ],
        ERR_MSG: "expected member name or ';' after declaration specifiers",
      })
    // `int a : 3 __attribute__((packed))`
    this.MANY(() => {
      attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
    })
    if (attributes.length) declarator = { ...declarator, attributes: this.joined(declarator.attributes, attributes) }
    return { declarator, bits }
  })

  readonly bitWidth: Rule<[], Expr> = this.RULE('bitWidth', (): Expr => {
    this.CONSUME(T.Colon)
    return this.SUBRULE(this.expression, { ARGS: [Precedence.conditional] })
  })

  readonly enumSpecifier: Rule<[], EnumSpecifier> = this.RULE('enumSpecifier', (): EnumSpecifier => {
    const token = this.take(T.Enum)
    let attributes: readonly Attribute[] = none
    let name: Atom | undefined
    let underlying: TypeName | undefined
    let enumerators: Enumerator[] | undefined
    this.MANY(() => {
      attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
    })
    this.OPTION(() => {
      name = this.atomOf(this.take(T.Name))
    })
    this.OPTION1({
      // in a member, `enum e : 3` is a bit-field
      GATE: () => this.typeStartsAt(1),
      DEF: () => {
        this.CONSUME(T.Colon)
        underlying = this.SUBRULE(this.typeName)
      },
    })
    if (!this.RECORDING_PHASE && name === undefined && !this.isNext(T.LBrace)) throw this.fault("expected identifier or '{'")
    this.OPTION2(() => {
      enumerators = this.SUBRULE(this.enumeratorList)
      this.MANY1({
        GATE: () => !this.isNext(T.LSquare) || this.isAt(1, T.LSquare),
        DEF: () => {
          attributes = this.joined(attributes, this.SUBRULE1(this.attributeSpecifier))
        },
      })
    })
    return { kind: 'enum', ...this.node(token, token), name, enumerators, attributes, underlying }
  })

  readonly enumeratorList: Rule<[], Enumerator[]> = this.RULE('enumeratorList', (): Enumerator[] => {
    const open = this.take(T.LBrace)
    const enumerators: Enumerator[] = []
    let more = true
    this.MANY({
      GATE: () => more,
      DEF: () => {
        enumerators.push(this.SUBRULE(this.enumerator))
        more = false
        this.OPTION(() => {
          this.CONSUME(T.Comma)
          more = true
        })
        if (!more && !this.RECORDING_PHASE && this.isNext(T.Identifier)) more = this.missingComma()
      },
    })
    if (!this.RECORDING_PHASE && !this.isNext(T.RBrace)) throw this.brokenEnumerators(open, more)
    this.CONSUME(T.RBrace)
    return enumerators
  })

  /** Goes on as if it were there. */
  private missingComma(): true {
    const { last } = this
    this.report.errorAt('S0002', this.report.after(last), last, "missing ',' between enumerators", { hint: "insert ',' here" })
    return true
  }

  private brokenEnumerators(open: TokenIndex, more: boolean): SyntaxFault {
    const notes = [this.matchNote(open)]
    if (more) return this.fault('expected identifier', { notes })
    return this.fault("expected ',' or '}' after enumerator", { notes })
  }

  readonly enumerator: Rule<[], Enumerator> = this.RULE('enumerator', (): Enumerator => {
    const token = this.take(T.Name)
    const name = this.atomOf(token)
    let attributes: readonly Attribute[] = none
    let value: Expr | undefined
    this.MANY(() => {
      attributes = this.joined(attributes, this.SUBRULE(this.attributeSpecifier))
    })
    this.OPTION(() => {
      this.CONSUME(T.Equal)
      value = this.SUBRULE(this.expression, { ARGS: [Precedence.conditional] })
    })
    this.scopes.declare(name, false)
    return { ...this.node(token, token), name, value, attributes }
  })
}

/**
 * Attributes: which there are, and what they say about the thing they stand on. Attributes of clang that mean nothing for a BPF
 * object are known and ignored; others get clang's warning.
 */
import type * as ast from '../parser/ast.js'
import type { Atom } from '../preprocessor/tokens.js'
import type { Context } from './context.js'
import { integerConstant } from './constants.js'
import { checkExpr } from './expressions.js'
import { parseString } from './literals.js'
import { rvalue } from './nodes.js'
import type { Place } from './report.js'
import { integerOfSize } from './type-facts.js'
import { type CType, canonical, spaceShift } from './types.js'

/** Everything a list of attributes said; names as the attributes are spelled, in camel case. */
export interface AttributeSet {
  section: string | undefined
  weak: boolean
  used: boolean
  unused: boolean
  hidden: boolean
  alwaysInline: boolean
  gnuInline: boolean
  noInline: boolean
  naked: boolean
  noReturn: boolean
  optnone: boolean
  packed: boolean
  preserveAccessIndex: boolean
  preserveStaticOffset: boolean
  overloadable: boolean
  mayAlias: boolean
  /** Bytes; 0 for none. */
  align: number
  /** -1 for none. */
  space: number
  mode: string | undefined
  cleanup: { readonly name: Atom; readonly place: Place } | undefined
  format: { readonly format: number; readonly first?: number } | undefined
  readonly declTags: string[]
  readonly typeTags: string[]
}

export const noAttributes = (): AttributeSet => ({
  section: undefined,
  weak: false,
  used: false,
  unused: false,
  hidden: false,
  alwaysInline: false,
  gnuInline: false,
  noInline: false,
  naked: false,
  noReturn: false,
  optnone: false,
  packed: false,
  preserveAccessIndex: false,
  preserveStaticOffset: false,
  overloadable: false,
  mayAlias: false,
  align: 0,
  space: -1,
  mode: undefined,
  cleanup: undefined,
  format: undefined,
  declTags: [],
  typeTags: [],
})

type Handler = (c: Context, attribute: ast.Attribute, into: AttributeSet) => void

const flag =
  (name: { [K in keyof AttributeSet]: AttributeSet[K] extends boolean ? K : never }[keyof AttributeSet]): Handler =>
  (_c, _attribute, into) => {
    into[name] = true
  }

/** The alignment that a bare `aligned` asks for, in bytes. */
const biggestAlignment = 16

/** A string argument, or undefined after a diagnostic. */
function stringArgument(c: Context, attribute: ast.Attribute): string | undefined {
  const arg = attribute.args[0]
  if (arg?.kind !== 'string') {
    c.error('T0109', attribute, `expected string literal as argument of '${attribute.name}' attribute`)
    return undefined
  }
  const { bytes } = parseString(
    c,
    arg,
    arg.parts.map(part => c.names.bytes(part)),
  )
  return new TextDecoder().decode(bytes.subarray(0, bytes.length - 1))
}

function intArgument(c: Context, attribute: ast.Attribute, index = 0): number | undefined {
  const arg = attribute.args[index]
  const value = arg && integerConstant(c.notEvaluated(() => rvalue(checkExpr(c, arg))))
  if (value === undefined) {
    c.error('T0109', attribute, `'${attribute.name}' attribute requires an integer constant`)
    return undefined
  }
  return Number(value)
}

const handlers: Readonly<Record<string, Handler>> = {
  section(c, attribute, into) {
    into.section = stringArgument(c, attribute) ?? into.section
  },
  weak: flag('weak'),
  used: flag('used'),
  retain: flag('used'),
  unused: flag('unused'),
  maybe_unused: flag('unused'),
  visibility(c, attribute, into) {
    const kind = stringArgument(c, attribute)
    if (kind === 'hidden' || kind === 'internal') into.hidden = true
    else if (kind !== undefined && kind !== 'default' && kind !== 'protected')
      c.warn('T0109', attribute, `unknown visibility '${kind}'`, 'ignored-attributes')
  },
  always_inline: flag('alwaysInline'),
  gnu_inline: flag('gnuInline'),
  noinline: flag('noInline'),
  naked: flag('naked'),
  noreturn: flag('noReturn'),
  optnone: flag('optnone'),
  packed: flag('packed'),
  preserve_access_index: flag('preserveAccessIndex'),
  preserve_static_offset: flag('preserveStaticOffset'),
  overloadable: flag('overloadable'),
  may_alias: flag('mayAlias'),
  aligned(c, attribute, into) {
    if (attribute.args.length === 0 && !attribute.type) {
      into.align = Math.max(into.align, biggestAlignment)
      return
    }
    const value = intArgument(c, attribute)
    if (value === undefined) return
    if (value < 1 || (value & (value - 1)) !== 0) c.error('T0107', attribute, 'requested alignment is not a power of 2')
    else into.align = Math.max(into.align, value)
  },
  address_space(c, attribute, into) {
    const value = intArgument(c, attribute)
    if (value === undefined) return
    if (value < 0 || value > 0xffff) c.error('T0109', attribute, 'address space is out of range')
    else into.space = value
  },
  btf_decl_tag(c, attribute, into) {
    const tag = stringArgument(c, attribute)
    if (tag !== undefined) into.declTags.push(tag)
  },
  btf_type_tag(c, attribute, into) {
    const tag = stringArgument(c, attribute)
    if (tag !== undefined) into.typeTags.push(tag)
  },
  mode(c, attribute, into) {
    const arg = attribute.args[0]
    if (arg?.kind === 'identifier') into.mode = c.text(arg.name).replace(/^__(.*)__$/, '$1')
    else c.error('T0109', attribute, "'mode' attribute requires an identifier")
  },
  format(c, attribute, into) {
    const kind = attribute.args[0]
    if (kind?.kind !== 'identifier' || !['printf', '__printf__'].includes(c.text(kind.name))) return
    const format = intArgument(c, attribute, 1)
    const first = intArgument(c, attribute, 2)
    if (format === undefined || first === undefined) return
    into.format = { format: format - 1, ...(first > 0 && { first: first - 1 }) }
  },
  cleanup(c, attribute, into) {
    const arg = attribute.args[0]
    if (arg?.kind === 'identifier') into.cleanup = { name: arg.name, place: arg }
    else c.error('T0109', attribute, "'cleanup' argument is not a function")
  },
}

/** Known to clang, of no consequence here. */
const ignored: ReadonlySet<string> = new Set(
  `alias aligned_value align_value alloc_align alloc_size annotate argmemonly artificial assume_aligned availability bpf_fastcall
  cdecl cold common const constructor convergent counted_by counted_by_or_null deprecated designated_init destructor diagnose_if
  disable_sanitizer_instrumentation disable_tail_calls enable_if enforce_tcb error external_source_symbol fallthrough flag_enum
  flatten format_arg guard_nocf hot ifunc internal_linkage leaf likely lockable malloc min_vector_width
  minsize musttail no_builtin no_caller_saved_registers no_instrument_function no_profile_instrument_function no_reorder no_sanitize
  no_sanitize_address no_sanitize_memory no_sanitize_thread no_stack_protector no_split_stack noclone nocf_check noderef nodebug
  nodiscard nodirect nodup noescape nomerge nonnull nonstring noplt nothrow nouwtable opencl_global pass_object_size patchable_function_entry
  pure randomize_layout regparm require_constant_initialization returns_nonnull returns_twice scalar_storage_order sentinel
  speculative_load_hardening stdcall strict_flex_array suppress sysv_abi target tls_model transparent_union type_tag_for_datatype
  uninitialized unlikely vector_size ext_vector_type warn_unused_result warning weakref xray_instrument xray_log_args zero_call_used_regs
  no_randomize_layout force_align_arg_pointer objc_boxable assume unavailable capability guarded_by acquire_capability release_capability
  deprecated_mode swift_name ms_struct gcc_struct preserve_most preserve_all copy tainted_args access fd_arg null_terminated_string_arg
  optimize no_icf noipa symver externally_visible bounded element_count sized_by ownership_holds ownership_takes ownership_returns
  pointer_with_type_tag argument_with_type_tag iw warn_if_not_aligned code_seg`
    .split(/\s+/)
    .filter(Boolean),
)

/** Those of the above that clang itself does not know: it warns. */
const unknownToClang: ReadonlySet<string> = new Set(
  `noclone scalar_storage_order externally_visible optimize access fd_arg null_terminated_string_arg no_icf noipa symver tainted_args copy
  designated_init warn_if_not_aligned bpf_fastcall no_reorder nonstring counted_by_or_null element_count bounded iw`.split(/\s+/),
)

/** Adds what a list of attributes says to a set. */
export function readAttributes(
  c: Context,
  attributes: readonly ast.Attribute[],
  into: AttributeSet = noAttributes(),
): AttributeSet {
  for (const attribute of attributes) {
    const handler = handlers[attribute.name]
    if (handler) handler(c, attribute, into)
    else if (!ignored.has(attribute.name) || unknownToClang.has(attribute.name))
      c.warn('T0110', attribute, `unknown attribute '${attribute.name}' ignored`, 'unknown-attributes')
  }
  return into
}

/** Whether a name is an attribute clang knows; what `__has_attribute` answers. */
export const isKnownAttribute = (name: string): boolean => name in handlers || (ignored.has(name) && !unknownToClang.has(name))

const modeSizes: Readonly<Record<string, number>> = { QI: 1, byte: 1, HI: 2, SI: 4, DI: 8, word: 8, pointer: 8, TI: 16 }

/** `__attribute__((mode(DI)))`: the integer type of that size. */
export function applyMode(c: Context, place: Place, type: CType, mode: string): CType {
  const plain = canonical(type)
  const size = modeSizes[mode]
  if (plain.kind === 'float') return type
  if (plain.kind !== 'int' || size === undefined) {
    c.error(
      'T0109',
      place,
      size === undefined ? `unknown machine mode '${mode}'` : 'mode attribute only supported for integer types',
    )
    return type
  }
  return integerOfSize(size, plain.signed) ?? type
}

/** The tags and the address space that attributes put on a type. */
export function applyTypeAttributes(type: CType, set: AttributeSet): CType {
  let made = type
  if (set.space > 0) made = { kind: 'qualified', of: made, qualifiers: set.space << spaceShift }
  for (const tag of set.typeTags) made = { kind: 'tagged', tag, of: made }
  return made
}

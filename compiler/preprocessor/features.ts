/**
 * What `__has_attribute`, `__has_builtin` and their kind answer: the names that bpfc takes, where clang 19 for BPF takes them too.
 * Names of attributes and features are asked for with or without `__` around them.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

const attributes = words(`
  address_space alias aligned alloc_align alloc_size always_inline annotate artificial assume assume_aligned availability btf_decl_tag
  btf_type_tag cleanup cold common const constructor convergent counted_by deprecated destructor diagnose_if disable_tail_calls
  enum_extensibility error ext_vector_type fallthrough flag_enum flatten format format_arg gnu_inline hot internal_linkage leaf malloc
  may_alias minsize mode musttail naked no_builtin no_instrument_function no_profile_instrument_function no_randomize_layout
  no_sanitize no_sanitize_address no_sanitize_memory no_sanitize_thread no_split_stack no_stack_protector nocommon nodebug noderef
  noduplicate noinline nomerge nonnull noreturn not_tail_called nothrow nouwtable optnone overloadable packed pass_object_size
  pass_dynamic_object_size preserve_access_index preserve_static_offset pure randomize_layout retain returns_nonnull returns_twice
  section selectany sentinel target transparent_union type_visibility unavailable uninitialized unused used vector_size visibility
  warn_unused_result warning weak weakref zero_call_used_regs
`)

/** Attributes in `[[…]]`, with the dates the standard gives them. */
const standardAttributes: Readonly<Record<string, string>> = {
  deprecated: '201904L',
  fallthrough: '201910L',
  maybe_unused: '202106L',
  nodiscard: '202003L',
  noreturn: '202202L',
  _Noreturn: '202202L',
}

const builtins = words(`
  __builtin_add_overflow __builtin_sub_overflow __builtin_mul_overflow __builtin_sadd_overflow __builtin_saddl_overflow
  __builtin_saddll_overflow __builtin_uadd_overflow __builtin_uaddl_overflow __builtin_uaddll_overflow __builtin_ssub_overflow
  __builtin_ssubl_overflow __builtin_ssubll_overflow __builtin_usub_overflow __builtin_usubl_overflow __builtin_usubll_overflow
  __builtin_smul_overflow __builtin_smull_overflow __builtin_smulll_overflow __builtin_umul_overflow __builtin_umull_overflow
  __builtin_umulll_overflow __builtin_assume __builtin_assume_aligned __builtin_bcmp __builtin_bswap16 __builtin_bswap32
  __builtin_bswap64 __builtin_btf_type_id __builtin_bzero __builtin_choose_expr __builtin_classify_type __builtin_clz __builtin_clzl
  __builtin_clzll __builtin_constant_p __builtin_ctz __builtin_ctzl __builtin_ctzll __builtin_dynamic_object_size __builtin_expect
  __builtin_expect_with_probability __builtin_ffs __builtin_ffsl __builtin_ffsll __builtin_frame_address __builtin_memcmp
  __builtin_memcpy __builtin_memcpy_inline __builtin_memmove __builtin_memset __builtin_memset_inline __builtin_object_size
  __builtin_offsetof __builtin_parity __builtin_parityl __builtin_parityll __builtin_popcount __builtin_popcountl
  __builtin_popcountll __builtin_prefetch __builtin_preserve_access_index __builtin_preserve_enum_value
  __builtin_preserve_field_info __builtin_preserve_type_info __builtin_return_address __builtin_rotateleft8 __builtin_rotateleft16
  __builtin_rotateleft32 __builtin_rotateleft64 __builtin_rotateright8 __builtin_rotateright16 __builtin_rotateright32
  __builtin_rotateright64 __builtin_strcmp __builtin_strlen __builtin_strncmp __builtin_trap __builtin_types_compatible_p
  __builtin_unpredictable __builtin_unreachable __builtin_va_arg __builtin_va_copy __builtin_va_end __builtin_va_start
  __atomic_add_fetch __atomic_and_fetch __atomic_compare_exchange __atomic_compare_exchange_n __atomic_exchange __atomic_exchange_n
  __atomic_fetch_add __atomic_fetch_and __atomic_fetch_or __atomic_fetch_sub __atomic_fetch_xor __atomic_load __atomic_load_n
  __atomic_or_fetch __atomic_signal_fence __atomic_store __atomic_store_n __atomic_sub_fetch __atomic_thread_fence
  __atomic_xor_fetch __c11_atomic_fetch_add __c11_atomic_load __c11_atomic_store
  __sync_add_and_fetch __sync_and_and_fetch __sync_bool_compare_and_swap __sync_fetch_and_add __sync_fetch_and_and
  __sync_fetch_and_or __sync_fetch_and_sub __sync_fetch_and_xor __sync_lock_release __sync_lock_test_and_set
  __sync_or_and_fetch __sync_sub_and_fetch __sync_synchronize __sync_val_compare_and_swap __sync_xor_and_fetch
  memcpy memset memmove memcmp bcmp bzero strlen strcmp strncmp
`)

const features = words(`
  c_alignas c_alignof c_atomic c_generic_selections c_static_assert assume_nonnull nullability enumerator_attributes
  attribute_analyzer_noreturn attribute_availability attribute_deprecated_with_message attribute_deprecated_with_replacement
  attribute_ext_vector_type attribute_ns_returns_retained attribute_overloadable attribute_unavailable_with_message
`)

const extensions = words(`
  cxx_binary_literals c_generic_selection_with_controlling_type gnu_asm overloadable_unmarked pragma_clang_attribute_namespaces
  pragma_clang_attribute_external_declaration statement_attributes_with_gnu_syntax
`)

/** `__packed__` asks for `packed`. */
const bare = (name: string): string =>
  name.length > 4 && name.startsWith('__') && name.endsWith('__') ? name.slice(2, -2) : name

export const hasAttribute = (name: string): boolean => attributes.has(bare(name))

/** The number that `__has_c_attribute` gives; `scope` is what stands before `::`, empty for none. */
export function hasStandardAttribute(scope: string, name: string): string {
  if (scope === '') return standardAttributes[bare(name)] ?? '0'
  return (bare(scope) === 'gnu' || bare(scope) === 'clang' || scope === '_Clang') && attributes.has(bare(name)) ? '1' : '0'
}

export const hasBuiltin = (name: string): boolean => builtins.has(name)
export const hasFeature = (name: string): boolean => features.has(bare(name))
export const hasExtension = (name: string): boolean => features.has(bare(name)) || extensions.has(bare(name))

/** `__is_target_arch` and its kind. */
export const isTarget = (name: string): boolean => /^(?:bpf|bpfel|bpfeb)$/.test(name)

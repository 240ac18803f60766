/**
 * reg_bounds_sync of 6.8 and later (kernel/bpf/verifier.c): the ranges of 64 and of 32 bits and the tnum of a register sharpen each
 * other. The hottest code of the verifier: everything is 32-bit halves in local variables, and a word is allocated only where it
 * changed. `bounds.ts` has the rules of before.
 */
import type { BoundsRules } from './bounds.js'
import { S32_MAX, S32_MIN, type RegState } from './registers.js'
import { Tnum } from './tnum.js'
import { u64 } from './u64.js'

/** Unsigned comparison of halves. */
const below = (a: number, b: number): boolean => a >>> 0 < b >>> 0
const ult = (ah: number, al: number, bh: number, bl: number): boolean => (ah === bh ? below(al, bl) : below(ah, bh))
const slt = (ah: number, al: number, bh: number, bl: number): boolean => (ah === bh ? below(al, bl) : ah < bh)
/** All bits up to the highest set one. */
const spread = (bits: number): number => (bits === 0 ? 0 : -1 >>> Math.clz32(bits))

/** What `stepTnum` found, in halves. */
let nextHigh = 0
let nextLow = 0

/** tnum_step: the smallest value that a tnum allows above `z`, at most its largest; below all of them the smallest. */
function stepTnum(vh: number, vl: number, mh: number, ml: number, zh: number, zl: number): void {
  nextHigh = vh | mh
  nextLow = vl | ml
  if (!ult(zh, zl, nextHigh, nextLow)) return
  if (ult(zh, zl, vh, vl)) {
    nextHigh = vh
    nextLow = vl
    return
  }
  // Counts on among the unknown bits: all others are filled with ones, so that a carry passes them.
  const dl = (zl - vl) | 0
  const dh = (zh - vh - (below(zl, vl) ? 1 : 0)) | 0
  const ch = dh & ~mh
  const fh = dh | spread(ch) | ~mh
  const fl = dl | (ch !== 0 ? -1 : spread(dl & ~ml)) | ~ml
  nextLow = vl | ((fl + 1) & ml)
  nextHigh = vh | ((fh + (fl === -1 ? 1 : 0)) & mh)
}

/** Whether range and tnum have one value only in common, which `nextHigh` and `nextLow` then are. */
function singleValue(
  vh: number,
  vl: number,
  mh: number,
  ml: number,
  unh: number,
  unl: number,
  uxh: number,
  uxl: number,
): boolean {
  stepTnum(vh, vl, mh, ml, unh, unl)
  if ((unh & ~mh) === vh && (unl & ~ml) === vl) {
    if (!ult(uxh, uxl, nextHigh, nextLow)) return false
    nextHigh = unh
    nextLow = unl
    return true
  }
  if (nextHigh === (vh | mh) && nextLow === (vl | ml)) return true
  if (ult(uxh, uxl, nextHigh, nextLow)) return false
  const high = nextHigh
  const low = nextLow
  stepTnum(vh, vl, mh, ml, high, low)
  const beyond = ult(uxh, uxl, nextHigh, nextLow)
  nextHigh = high
  nextLow = low
  return beyond
}

/** Brings all descriptions into agreement; `reg` is a fresh clone. */
export function syncMixedBounds(reg: RegState, rules: BoundsRules): void {
  let vh = reg.varOff.value.hi
  let vl = reg.varOff.value.lo
  let mh = reg.varOff.mask.hi
  let ml = reg.varOff.mask.lo
  let smh = reg.smin.hi
  let sml = reg.smin.lo
  let sxh = reg.smax.hi
  let sxl = reg.smax.lo
  let unh = reg.umin.hi
  let unl = reg.umin.lo
  let uxh = reg.umax.hi
  let uxl = reg.umax.lo
  let s32min = reg.s32min
  let s32max = reg.s32max
  let u32min = reg.u32low
  let u32max = reg.u32high
  for (let pass = 0; ; pass++) {
    // __update_reg_bounds
    if ((vl | (ml & S32_MIN)) > s32min) s32min = vl | (ml & S32_MIN)
    if ((vl | (ml & S32_MAX)) < s32max) s32max = vl | (ml & S32_MAX)
    if (below(u32min, vl)) u32min = vl
    if (below(vl | ml, u32max)) u32max = vl | ml
    if (slt(smh, sml, vh | (mh & S32_MIN), vl)) {
      smh = vh | (mh & S32_MIN)
      sml = vl
    }
    if (slt(vh | (mh & S32_MAX), vl | ml, sxh, sxl)) {
      sxh = vh | (mh & S32_MAX)
      sxl = vl | ml
    }
    if (ult(unh, unl, vh, vl)) {
      unh = vh
      unl = vl
    }
    if (ult(vh | mh, vl | ml, uxh, uxl)) {
      uxh = vh | mh
      uxl = vl | ml
    }
    if (rules.singleValues && singleValue(vh, vl, mh, ml, unh, unl, uxh, uxl)) {
      vh = smh = sxh = unh = uxh = nextHigh
      vl = sml = sxl = unl = uxl = s32min = s32max = u32min = u32max = nextLow
      mh = ml = 0
    }
    if (pass === 1) break
    for (let round = 0; round < rules.boundsRounds; round++) {
      // __reg32_deduce_bounds
      if (unh === uxh) {
        if (below(u32min, unl)) u32min = unl
        if (below(uxl, u32max)) u32max = uxl
        if (unl <= uxl) {
          if (unl > s32min) s32min = unl
          if (uxl < s32max) s32max = uxl
        }
      }
      if (smh === sxh) {
        if (!below(sxl, sml)) {
          if (below(u32min, sml)) u32min = sml
          if (below(sxl, u32max)) u32max = sxl
        }
        if (sml <= sxl) {
          if (sml > s32min) s32min = sml
          if (sxl < s32max) s32max = sxl
        }
      }
      if (((unh + 1) | 0) === uxh && unl < 0 && uxl >= 0) {
        if (unl > s32min) s32min = unl
        if (uxl < s32max) s32max = uxl
      }
      if (((smh + 1) | 0) === sxh && sml < 0 && sxl >= 0) {
        if (sml > s32min) s32min = sml
        if (sxl < s32max) s32max = sxl
      }
      if (u32min <= u32max) {
        if (u32min > s32min) s32min = u32min
        if (u32max < s32max) s32max = u32max
      }
      if (!below(s32max, s32min)) {
        if (below(u32min, s32min)) u32min = s32min
        if (below(s32max, u32max)) u32max = s32max
      } else if (rules.crossingBounds) {
        if (below(u32max, s32min)) {
          s32min = u32min
          if (below(s32max, u32max)) u32max = s32max
        } else if (below(s32max, u32min)) {
          s32max = u32max
          if (below(u32min, s32min)) u32min = s32min
        }
      }
      // __reg64_deduce_bounds
      if (!slt(uxh, uxl, unh, unl)) {
        if (slt(smh, sml, unh, unl)) {
          smh = unh
          sml = unl
        }
        if (slt(uxh, uxl, sxh, sxl)) {
          sxh = uxh
          sxl = uxl
        }
      }
      if (!ult(sxh, sxl, smh, sml)) {
        if (ult(unh, unl, smh, sml)) {
          unh = smh
          unl = sml
        }
        if (ult(sxh, sxl, uxh, uxl)) {
          uxh = sxh
          uxl = sxl
        }
      } else if (rules.crossingBounds) {
        if (ult(uxh, uxl, smh, sml)) {
          smh = unh
          sml = unl
          if (ult(sxh, sxl, uxh, uxl)) {
            uxh = sxh
            uxl = sxl
          }
        } else if (ult(sxh, sxl, unh, unl)) {
          sxh = uxh
          sxl = uxl
          if (ult(unh, unl, smh, sml)) {
            unh = smh
            unl = sml
          }
        }
      }
      // __reg_deduce_mixed_bounds
      if (below(unl, u32min)) unl = u32min
      if (below(u32max, uxl)) uxl = u32max
      if (below(sml, u32min)) sml = u32min
      if (below(u32max, sxl)) sxl = u32max
      if (!below(s32max, s32min)) {
        if (below(unl, s32min)) unl = s32min
        if (below(s32max, uxl)) uxl = s32max
        if (below(sml, s32min)) sml = s32min
        if (below(s32max, sxl)) sxl = s32max
      }
      if (s32min >= 0 && (smh >= 0 || (smh === -1 && sml < 0)) && (sxh < 0 || (sxh === 0 && sxl >= 0))) {
        smh = unh = s32min >> 31
        sml = unl = s32min
        sxh = uxh = s32max >> 31
        sxl = uxl = s32max
        // tnum_intersect with tnum_range of the bounds.
        const dh = smh ^ sxh
        const high = spread(dh)
        const low = dh !== 0 ? -1 : spread(sml ^ sxl)
        const known = dh < 0 ? 0 : -1
        vh |= smh & ~high & known
        vl |= sml & ~low & known
        mh &= high
        ml &= low
        vh &= ~mh
        vl &= ~ml
      }
    }
    // __reg_bound_offset
    const dh = unh ^ uxh
    if (dh >= 0) {
      const high = spread(dh)
      const low = dh !== 0 ? -1 : spread(unl ^ uxl)
      vh |= unh & ~high
      vl |= unl & ~low
      mh &= high
      ml &= low
      vh &= ~mh
      vl &= ~ml
    }
    const low32 = spread(u32min ^ u32max)
    vl |= u32min & ~low32
    ml &= low32
    vl &= ~ml
  }
  if (reg.varOff.value.hi !== vh || reg.varOff.value.lo !== vl || reg.varOff.mask.hi !== mh || reg.varOff.mask.lo !== ml)
    reg.varOff = new Tnum(u64(vh, vl), u64(mh, ml))
  if (reg.smin.hi !== smh || reg.smin.lo !== sml) reg.smin = u64(smh, sml)
  if (reg.smax.hi !== sxh || reg.smax.lo !== sxl) reg.smax = u64(sxh, sxl)
  if (reg.umin.hi !== unh || reg.umin.lo !== unl) reg.umin = unh === smh && unl === sml ? reg.smin : u64(unh, unl)
  if (reg.umax.hi !== uxh || reg.umax.lo !== uxl) reg.umax = uxh === sxh && uxl === sxl ? reg.smax : u64(uxh, uxl)
  reg.s32min = s32min
  reg.s32max = s32max
  reg.u32low = u32min
  reg.u32high = u32max
}

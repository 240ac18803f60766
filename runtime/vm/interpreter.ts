/**
 * The checking interpreter. Registers are two Int32Arrays of halves; every access is checked against a region, the last region of
 * each instruction being tried first. Semantics are those of RFC 9669 sections 4 and 5.
 */
import { LimitReached, NotImplemented } from '../../base/outcome.js'
import { ProgramException } from './exceptions.js'
import { VmFault } from './fault.js'
import { divide64, mul64, out, signedDivide64, swap16, swap32 } from './long.js'
import type { Machine } from './machine.js'
import { FUNC_HANDLE, HANDLE_STEP, MAP_HANDLE, type Region } from './memory.js'
import type { ProgramImage } from './program-image.js'

/** Bytes of one stack frame. */
export const FRAME_BYTES = 512
/** Frames of a call chain, as MAX_CALL_FRAMES of the verifier. */
export const MAX_FRAMES = 8

/** Where to go on after a local call, and the caller's registers 6 to 9. */
class Frame {
  image!: ProgramImage
  pc = 0
  caches!: Region[]
  bottom = 0
  readonly saved = new Int32Array(8)
}

/** Regions last used by each slot, per image; kept by the machine so that runs share them. */
export function cachesOf(m: Machine, image: ProgramImage): Region[] {
  let caches = m.caches.get(image)
  if (!caches) {
    caches = new Array<Region>(image.words.length >> 1).fill(m.memory.nowhere)
    m.caches.set(image, caches)
  }
  return caches
}

const BYTES_OF_SIZE = [4, 2, 1, 8] as const

/**
 * Runs from `entry` until that frame exits; arguments are in registers 1 to 5, the result is left in register 0. Throws VmFault
 * with the slot set, LimitReached, NotImplemented; out of a callback ProgramException too.
 */
export function execute(m: Machine, startImage: ProgramImage, entry: number, isCallback = false): void {
  const { lo, hi, memory } = m
  // Frames are used again: a call makes no objects.
  const frames: Frame[] = []
  let top = 0
  let image = startImage
  let words = image.words
  let caches = cachesOf(m, image)
  let hits = image.hits
  let pc = entry
  let { view } = memory
  const { watch } = m
  let observed = hits !== undefined || watch !== undefined
  let count = 0
  let budget = m.remaining
  // Frames below the one in which the running program began: exceptions end there. A callback's program began further out.
  let bottom = isCallback ? -1 : 0
  m.enterFrame()

  try {
    for (;;) {
      const word = words[pc * 2]!
      const imm = words[pc * 2 + 1]!
      const d = (word >> 8) & 15
      const s = (word >> 12) & 15
      if (observed) {
        if (hits !== undefined) hits[pc]!++
        if (watch !== undefined) watch(image, pc)
      }
      if (++count > budget) throw new LimitReached('instructions executed', m.options.budget)
      switch (word & 7) {
        case 7: {
          // ALU64
          const bl = word & 8 ? lo[s]! : imm
          const bh = word & 8 ? hi[s]! : imm >> 31
          const al = lo[d]!
          switch ((word >> 4) & 15) {
            case 0: {
              // add
              const sum = (al >>> 0) + (bl >>> 0)
              lo[d] = sum
              hi[d] = hi[d]! + bh + (sum > 0xffff_ffff ? 1 : 0)
              break
            }
            case 1: // sub
              lo[d] = al - bl
              hi[d] = hi[d]! - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)
              break
            case 2: // mul
              mul64(al, hi[d]!, bl, bh)
              lo[d] = out.lo
              hi[d] = out.hi
              break
            case 3: // div
            case 9: {
              // mod
              const remainder = ((word >> 4) & 15) === 9
              if (bl === 0 && bh === 0) {
                if (!remainder) lo[d] = hi[d] = 0
                break
              }
              if (word >> 16) signedDivide64(al, hi[d]!, bl, bh, remainder)
              else divide64(al, hi[d]!, bl, bh, remainder)
              lo[d] = out.lo
              hi[d] = out.hi
              break
            }
            case 4: // or
              lo[d] = al | bl
              hi[d] = hi[d]! | bh
              break
            case 5: // and
              lo[d] = al & bl
              hi[d] = hi[d]! & bh
              break
            case 6: {
              // lsh
              const n = bl & 63
              if (n === 0) break
              if (n < 32) {
                hi[d] = (hi[d]! << n) | (al >>> (32 - n))
                lo[d] = al << n
              } else {
                hi[d] = al << (n - 32)
                lo[d] = 0
              }
              break
            }
            case 7: {
              // rsh
              const n = bl & 63
              if (n === 0) break
              const ah = hi[d]!
              if (n < 32) {
                lo[d] = (al >>> n) | (ah << (32 - n))
                hi[d] = ah >>> n
              } else {
                lo[d] = ah >>> (n - 32)
                hi[d] = 0
              }
              break
            }
            case 8: // neg
              hi[d] = ~hi[d]! + (al === 0 ? 1 : 0)
              lo[d] = -al
              break
            case 10: // xor
              lo[d] = al ^ bl
              hi[d] = hi[d]! ^ bh
              break
            case 11: // mov
              switch (word >> 16) {
                case 0:
                  lo[d] = bl
                  hi[d] = bh
                  break
                case 8:
                  lo[d] = (bl << 24) >> 24
                  hi[d] = lo[d]! >> 31
                  break
                case 16:
                  lo[d] = (bl << 16) >> 16
                  hi[d] = lo[d]! >> 31
                  break
                case 32:
                  lo[d] = bl
                  hi[d] = bl >> 31
                  break
                default:
                  m.castAddressSpace(d, s, imm)
              }
              break
            case 12: {
              // arsh
              const n = bl & 63
              if (n === 0) break
              const ah = hi[d]!
              if (n < 32) {
                lo[d] = (al >>> n) | (ah << (32 - n))
                hi[d] = ah >> n
              } else {
                lo[d] = ah >> (n - 32)
                hi[d] = ah >> 31
              }
              break
            }
            case 13: // bswap
              if (imm === 16) {
                lo[d] = swap16(al)
                hi[d] = 0
              } else if (imm === 32) {
                lo[d] = swap32(al)
                hi[d] = 0
              } else {
                lo[d] = swap32(hi[d]!)
                hi[d] = swap32(al)
              }
              break
          }
          pc++
          continue
        }
        case 4: {
          // ALU
          const b = word & 8 ? lo[s]! : imm
          const a = lo[d]!
          let result = a
          switch ((word >> 4) & 15) {
            case 0:
              result = a + b
              break
            case 1:
              result = a - b
              break
            case 2:
              result = Math.imul(a, b)
              break
            case 3:
              if (word >> 16) result = b === 0 ? 0 : a / b
              else result = b === 0 ? 0 : (a >>> 0) / (b >>> 0)
              break
            case 4:
              result = a | b
              break
            case 5:
              result = a & b
              break
            case 6:
              result = a << (b & 31)
              break
            case 7:
              result = a >>> (b & 31)
              break
            case 8:
              result = -a
              break
            case 9:
              if (b === 0) result = a
              else result = word >> 16 ? a % b : (a >>> 0) % (b >>> 0)
              break
            case 10:
              result = a ^ b
              break
            case 11: {
              const bits = word >> 16
              result = bits === 8 ? (b << 24) >> 24 : bits === 16 ? (b << 16) >> 16 : b
              break
            }
            case 12:
              result = a >> (b & 31)
              break
            case 13: {
              // Byte swaps: to little endian only truncates here.
              const big = (word & 8) !== 0
              if (imm === 64) {
                if (big) {
                  lo[d] = swap32(hi[d]!)
                  hi[d] = swap32(a)
                }
                pc++
                continue
              }
              result = imm === 16 ? (big ? swap16(a) : a & 0xffff) : big ? swap32(a) : a
              break
            }
          }
          lo[d] = result
          hi[d] = 0
          pc++
          continue
        }
        case 5: // JMP
        case 6: {
          // JMP32
          const operation = (word >> 4) & 15
          const wide = (word & 7) === 5
          if (operation === 8 || operation === 9) break
          if (operation === 0) {
            pc += 1 + (wide ? word >> 16 : imm)
            continue
          }
          const al = lo[d]!
          const bl = word & 8 ? lo[s]! : imm
          const ah = wide ? hi[d]! : 0
          const bh = wide ? (word & 8 ? hi[s]! : imm >> 31) : 0
          let taken = false
          switch (operation) {
            case 1:
              taken = al === bl && ah === bh
              break
            case 2:
              taken = ah === bh ? al >>> 0 > bl >>> 0 : ah >>> 0 > bh >>> 0
              break
            case 3:
              taken = ah === bh ? al >>> 0 >= bl >>> 0 : ah >>> 0 > bh >>> 0
              break
            case 4:
              taken = (al & bl) !== 0 || (ah & bh) !== 0
              break
            case 5:
              taken = al !== bl || ah !== bh
              break
            case 6:
              taken = wide ? (ah === bh ? al >>> 0 > bl >>> 0 : ah > bh) : al > bl
              break
            case 7:
              taken = wide ? (ah === bh ? al >>> 0 >= bl >>> 0 : ah > bh) : al >= bl
              break
            case 10:
              taken = ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0
              break
            case 11:
              taken = ah === bh ? al >>> 0 <= bl >>> 0 : ah >>> 0 < bh >>> 0
              break
            case 12:
              taken = wide ? (ah === bh ? al >>> 0 < bl >>> 0 : ah < bh) : al < bl
              break
            case 13:
              taken = wide ? (ah === bh ? al >>> 0 <= bl >>> 0 : ah < bh) : al <= bl
              break
            case 14: // may_goto: the budget of loops, BPF_MAX_LOOPS of the kernel
              taken = m.mayGoto(pc)
              break
          }
          if (taken && hits !== undefined) image.taken![pc]!++
          pc += taken ? 1 + (word >> 16) : 1
          continue
        }
        case 1: {
          // LDX
          const size = BYTES_OF_SIZE[(word >> 3) & 3]!
          let address = (lo[s]! >>> 0) + (word >> 16)
          const region = caches[pc]!
          if (hi[s] !== 0 || address < region.start || address + size > region.end || region.stride !== 0) {
            address = resolve(m, image, caches, pc, hi[s]!, address, size, false)
            view = memory.view
            if (address < 0) {
              lo[d] = hi[d] = 0
              pc++
              continue
            }
          }
          if ((word & 0xe0) === 0x80) {
            // sign extending
            lo[d] = size === 1 ? view.getInt8(address) : size === 2 ? view.getInt16(address, true) : view.getInt32(address, true)
            hi[d] = lo[d]! >> 31
          } else if (size === 8) {
            lo[d] = view.getInt32(address, true)
            hi[d] = view.getInt32(address + 4, true)
          } else {
            lo[d] =
              size === 4 ? view.getInt32(address, true) : size === 1 ? view.getUint8(address) : view.getUint16(address, true)
            hi[d] = 0
          }
          pc++
          continue
        }
        case 2: // ST
        case 3: {
          // STX
          const size = BYTES_OF_SIZE[(word >> 3) & 3]!
          const mode = word & 0xe0
          const acquire = mode === 0xc0 && imm === 0x100
          const base = acquire ? s : d
          let address = (lo[base]! >>> 0) + (word >> 16)
          const region = caches[pc]!
          if (hi[base] !== 0 || address < region.start || address + size > region.end || region.stride !== 0 || !region.writable)
            address = resolve(m, image, caches, pc, hi[base]!, address, size, !acquire)
          if (mode === 0xc0) {
            if (address < 0) lo[d] = hi[d] = 0
            else atomic(m, view, address, size, d, s, imm)
            pc++
            continue
          }
          if (address < 0) {
            pc++
            continue
          }
          const register = (word & 7) === 3
          const low = register ? lo[s]! : imm
          if (size === 8) {
            view.setInt32(address, low, true)
            view.setInt32(address + 4, register ? hi[s]! : imm >> 31, true)
          } else if (size === 4) view.setInt32(address, low, true)
          else if (size === 1) view.setInt8(address, low)
          else view.setInt16(address, low, true)
          pc++
          continue
        }
        case 0: {
          // LD
          if ((word & 0xff) === 0x18) {
            lo[d] = imm
            hi[d] = words[pc * 2 + 3]!
            pc += 2
            continue
          }
          const indirect = (word & 0xe0) === 0x40
          m.pc = pc
          if (!m.loadPacket(BYTES_OF_SIZE[(word >> 3) & 3]!, (indirect ? lo[s]! : 0) + imm)) {
            // Outside the packet the program ends with 0.
            lo[0] = hi[0] = 0
            while (top > 0) {
              top--
              m.leaveFrame()
            }
            m.leaveFrame()
            m.remaining = budget - count
            m.executed += count
            return
          }
          pc++
          continue
        }
      }
      // Only calls and exits come here.
      if (((word >> 4) & 15) === 8) {
        if (s === 1) {
          if (top + 1 >= MAX_FRAMES && m.tailCalls === 0) throw new VmFault(`the call stack is deeper than ${MAX_FRAMES} frames`)
          if (top === frames.length) frames.push(new Frame())
          const frame = frames[top++]!
          frame.image = image
          frame.pc = pc + 1
          frame.caches = caches
          frame.bottom = bottom
          save(frame.saved, lo, hi)
          pc += 1 + imm
          m.enterFrame(image.usesFrame(pc))
          continue
        }
        m.pc = pc
        m.image = image
        m.remaining = budget - count
        m.executed += count
        count = 0
        const thrown = s === 2 ? callKfunc(m, image.kfuncs.get(pc) ?? `kfunc ${imm}`) : callHelper(m, word & 8 ? lo[d]! : imm)
        budget = m.remaining
        view = memory.view
        if (thrown === undefined) {
          if (m.tailCall) {
            image = m.tailCall
            m.tailCall = undefined
            words = image.words
            hits = image.hits
            observed = hits !== undefined || watch !== undefined
            caches = cachesOf(m, image)
            m.image = image
            bottom = top
            pc = 0
            continue
          }
          pc++
          continue
        }
        // The frames above the one in which this program began are gone.
        while (top > Math.max(bottom, 0)) {
          top--
          m.leaveFrame()
        }
        if (bottom < 0) {
          m.leaveFrame()
          throw thrown
        }
        if (image.exceptionCallback >= 0) {
          m.leaveFrame()
          m.enterFrame()
          m.image = image
          lo[1] = thrown.cookie[0]
          hi[1] = thrown.cookie[1]
          pc = image.exceptionCallback
          continue
        }
        lo[0] = thrown.cookie[0]
        hi[0] = thrown.cookie[1]
      }
      m.leaveFrame()
      if (top === 0) {
        m.remaining = budget - count
        m.executed += count
        return
      }
      const frame = frames[--top]!
      image = frame.image
      words = image.words
      hits = image.hits
      observed = hits !== undefined || watch !== undefined
      caches = frame.caches
      bottom = frame.bottom
      pc = frame.pc
      m.image = image
      restore(frame.saved, lo, hi)
    }
  } catch (error) {
    m.executed += count
    m.remaining = budget - count
    if (error instanceof VmFault && error.slot < 0) {
      error.slot = pc
      error.program = image.name
    }
    throw error
  }
}

/** Registers 6 to 9, which calls leave as they are. */
function save(into: Int32Array, lo: Int32Array, hi: Int32Array): void {
  for (let i = 0; i < 4; i++) {
    into[i] = lo[6 + i]!
    into[4 + i] = hi[6 + i]!
  }
}

function restore(from: Int32Array, lo: Int32Array, hi: Int32Array): void {
  for (let i = 0; i < 4; i++) {
    lo[6 + i] = from[i]!
    hi[6 + i] = from[4 + i]!
  }
}

/** Calls a helper; what was thrown (bpf_throw in a callback) if it does not return. */
function callHelper(m: Machine, id: number): ProgramException | undefined {
  try {
    m.callHelper(id)
    return undefined
  } catch (error) {
    if (error instanceof ProgramException) return error
    throw error
  }
}

function callKfunc(m: Machine, name: string): ProgramException | undefined {
  try {
    m.callKfunc(name)
    return undefined
  } catch (error) {
    if (error instanceof ProgramException) return error
    throw error
  }
}

/** Address for an access whose cached region did not fit; -1 for a load that reads as 0 or a store that is lost. */
function resolve(
  m: Machine,
  image: ProgramImage,
  caches: Region[],
  pc: number,
  high: number,
  sum: number,
  size: number,
  write: boolean,
): number {
  const { memory } = m
  let address = sum
  let top = high
  if (address < 0) {
    address += 0x1_0000_0000
    top = (top - 1) | 0
  } else if (address > 0xffff_ffff) {
    address -= 0x1_0000_0000
    top = (top + 1) | 0
  }
  const cached = caches[pc]!
  if (top === 0 && cached.stride !== 0 && memory.allows(cached, address, size, write)) return address
  const region = memory.access(top, address, size, write)
  if (region) {
    caches[pc] = region
    return address
  }
  if (top === MAP_HANDLE && !write && memory.mapObject) {
    const at = memory.mapObject(address >>> 16) + (address & (HANDLE_STEP - 1))
    if (memory.access(0, at, size, false)) return at
  }
  if (image.probing && !write) return -1
  if (top === 0) for (const { start, end } of memory.forgiving) if (address >= start && address + size <= end) return -1
  throw memory.fault(top, address, size, write)
}

/** Atomic operations: there is one thread, so they are plain read-modify-write. */
function atomic(m: Machine, view: DataView, address: number, size: number, d: number, s: number, imm: number): void {
  const { lo, hi } = m
  if (imm === 0x100) {
    // load-acquire
    lo[d] = size === 1 ? view.getUint8(address) : size === 2 ? view.getUint16(address, true) : view.getInt32(address, true)
    hi[d] = size === 8 ? view.getInt32(address + 4, true) : 0
    return
  }
  const bl = lo[s]!
  const bh = hi[s]!
  if (imm === 0x110) {
    // store-release
    if (size === 1) view.setInt8(address, bl)
    else if (size === 2) view.setInt16(address, bl, true)
    else view.setInt32(address, bl, true)
    if (size === 8) view.setInt32(address + 4, bh, true)
    return
  }
  const al = view.getInt32(address, true)
  const ah = size === 8 ? view.getInt32(address + 4, true) : 0
  let low = bl
  let high = bh
  switch (imm & 0xf0) {
    case 0x00:
      low = (al + bl) | 0
      high = (ah + bh + ((al >>> 0) + (bl >>> 0) > 0xffff_ffff ? 1 : 0)) | 0
      break
    case 0x40:
      low = al | bl
      high = ah | bh
      break
    case 0x50:
      low = al & bl
      high = ah & bh
      break
    case 0xa0:
      low = al ^ bl
      high = ah ^ bh
      break
    case 0xe0:
      break
    case 0xf0: {
      const equal = al === lo[0] && (size === 4 || ah === hi[0])
      lo[0] = al
      hi[0] = ah
      if (!equal) return
      break
    }
    default:
      throw new NotImplemented(`atomic operation 0x${imm.toString(16)}`)
  }
  view.setInt32(address, low, true)
  if (size === 8) view.setInt32(address + 4, high, true)
  if (imm & 1 && (imm & 0xf0) !== 0xf0) {
    lo[s] = al
    hi[s] = ah
  }
}

/** Calls a function of the current program from a helper (callbacks); `high` and `low` are the halves of its address. */
export function callBack(m: Machine, low: number, high: number): void {
  if (high !== FUNC_HANDLE) throw new VmFault('the callback is no function of this program')
  const { lo, hi, image, pc } = m
  const saved = new Int32Array(8)
  save(saved, lo, hi)
  execute(m, image, low, true)
  m.image = image
  m.pc = pc
  restore(saved, lo, hi)
}

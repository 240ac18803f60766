/** Malformed BTF, each with the place that the message names: the start of the type, in bytes from the start of the BTF. */
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../../base/outcome.js'
import { readBtf } from '../../../linker/btf/btf-file.js'
import { validateBtf } from '../../../linker/btf/validate.js'
import { btfBytes, cases, HEADER_BYTES } from './malformed-btf.js'

describe('validateBtf', () => {
  const faultOf = (bytes: Uint8Array) => {
    try {
      validateBtf(readBtf(bytes))
      return undefined
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      return error
    }
  }

  it.each(cases)('%s', (_name, types, wrong, message) => {
    const fault = faultOf(btfBytes(types))
    if (wrong < 0) {
      expect(fault).toBeUndefined()
      return
    }
    const offset = types.slice(0, wrong).reduce((sum, words) => sum + words.length * 4, HEADER_BYTES)
    expect({ message: fault?.message, offset: fault?.offset }).toEqual({ message: expect.stringMatching(message), offset })
  })

  it('counts offsets from the start of the file, where the BTF is a part of one', () => {
    const [, types] = cases.find(([name]) => name.includes('type that is not there'))!
    expect(() => validateBtf(readBtf(btfBytes(types), { origin: 1000 }))).toThrow(
      expect.objectContaining({ offset: 1000 + HEADER_BYTES + 16 }),
    )
  })
})

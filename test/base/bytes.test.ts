import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from '../../base/bytes.js'
import { FormatError } from '../../base/outcome.js'
import { SourceSet } from '../../base/source.js'

describe('ByteWriter and ByteReader', () => {
  it.each([true, false])('read back what was written, little %s', little => {
    const bytes = new ByteWriter(little, 1)
      .u8(1)
      .u16(0x2345)
      .u32(0xdeadbeef)
      .u64(0x123456789abcdef0n)
      .cstring('héllo')
      .align(8)
      .finish()
    const reader = new ByteReader(bytes, little)
    expect([reader.u8(0), reader.u16(1), reader.u32(3), reader.u64(7), reader.cstring(15)]).toEqual([
      1,
      0x2345,
      0xdeadbeef,
      0x123456789abcdef0n,
      'héllo',
    ])
    expect(bytes.length % 8).toBe(0)
  })

  it.each([true, false])('writes numbers of 64 bits as it does bigints, little %s', little => {
    for (const value of [0, 1, -1, 2 ** 32 - 1, 2 ** 32, 0x1f_ffff_ffff_ffff, -(2 ** 31), -(2 ** 40) - 5, 2 ** 63, -(2 ** 63)])
      expect(new ByteWriter(little).u64(value).take(), `${value}`).toEqual(new ByteWriter(little).u64(BigInt(value)).finish())
  })

  it('refuses to read past the end, with the offset in the file', () => {
    const reader = new ByteReader(new Uint8Array(4), true, '.BTF', 100)
    expect(() => reader.u32(1)).toThrow(FormatError)
    expect(() => reader.u32(1)).toThrow(expect.objectContaining({ offset: 101, code: 'F0001' }))
  })
})

describe('SourceSet', () => {
  it('finds file, line and column of a place', () => {
    const set = new SourceSet()
    const a = set.add('a.c', new TextEncoder().encode('int a;\nint b;\n'))
    const b = set.add('b.c', new TextEncoder().encode('x'))
    expect(set.position(a.base + 11)).toEqual({ path: 'a.c', line: 2, column: 5 })
    expect(set.position(b.base)).toEqual({ path: 'b.c', line: 1, column: 1 })
    expect(set.position(0)).toBeUndefined()
    expect(a.lineText(2)).toBe('int b;')
  })
})

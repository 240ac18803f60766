import { describe, expect, it } from 'vitest'
import { MemoryHost } from '../../base/host.js'
import { StoredHeaderCache } from '../../cli/header-cache.js'
import { defaultFlags, toCompileOptions } from '../../cli/compile-options.js'
import { compile, type SharedState, type Stage } from '../../compiler/pipeline.js'
import { Names } from '../../compiler/preprocessor/names.js'

const types = Array.from({ length: 2_000 }, (_, i) => `struct filler_${i} { int member_${i}; };`).join('\n')
const program = (name: string, body: string) =>
  `#include "types.h"\n__attribute__((section("socket"), used)) int ${name}(void *ctx) { ${body} }\nchar _license[] __attribute__((section("license"), used)) = "GPL";\n`
const host = new MemoryHost({
  '/w/types.h': types,
  '/w/a.c': program('first', 'struct filler_7 it = { 7 }; return it.member_7;'),
  '/w/b.c': program('second', 'int member_7 = 3; struct filler_1999 it = { member_7 }; return it.member_1999;'),
})
const options = toCompileOptions(defaultFlags(), '/w')

describe('several files in one process', () => {
  it('gives each the object it would have alone, in any order', () => {
    const alone = new Map(['/w/a.c', '/w/b.c'].map(path => [path, compile(host, path, options).object!]))
    const shared: SharedState = { names: new Names(), headers: new StoredHeaderCache(undefined, '') }
    for (const path of ['/w/b.c', '/w/a.c', '/w/b.c']) {
      const { object } = compile(host, path, options, { shared })
      expect(Buffer.compare(object!, alone.get(path)!), path).toBe(0)
    }
  })

  it('tells of the stages in order', () => {
    const stages: Stage[] = []
    compile(host, '/w/a.c', options, { stageDone: stage => stages.push(stage) })
    expect(stages).toEqual(['preprocess', 'parse', 'check', 'lower', 'passes', 'generate'])
  })
})

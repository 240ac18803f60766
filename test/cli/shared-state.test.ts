import { describe, expect, it } from 'vitest'
import { MemoryHost } from '../../base/host.js'
import { StoredHeaderCache } from '../../cli/header-cache.js'
import { defaultFlags, toCompileOptions } from '../../cli/compile-options.js'
import { compile, type SharedState, type Stage } from '../../compiler/pipeline.js'
import { KeptTrees } from '../../compiler/parser/kept-trees.js'
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

  it('takes trees of header declarations only where parsing would give the same', () => {
    const use = 'struct filler_7 it = { 7 }; return it.member_7 + (int)sizeof(struct filler_8);'
    const sources: Record<string, string> = {
      '/w/plain.c': program('plain', use),
      '/w/macro.c': `#define member_7 renamed_7\n${program('macro', use)}`,
      '/w/pack.c': `#pragma pack(push, 1)\n${program('pack', 'struct mixed m = { 1, 2 }; return m.wide + (int)sizeof m;')}`,
      '/w/natural.c': program('natural', 'struct mixed m = { 1, 2 }; return m.wide + (int)sizeof m;'),
      '/w/type.c': `#include "types.h"\ntypedef short amount;\n${program('type', 'struct takes t = {}; return t.amount;')}`,
      '/w/no-type.c': program('no_type', 'struct takes t = {}; return t.amount;'),
      '/w/again.c': program('again', use),
    }
    const more = 'struct mixed { char narrow; int wide; };\nstruct takes { int amount; };'
    const files = new MemoryHost({ '/w/types.h': `#pragma once\n${types}\n${more}`, ...sources })
    const paths = Object.keys(sources)
    const alone = new Map(paths.map(path => [path, compile(files, path, options).object!]))
    const names = new Names()
    const shared: SharedState = { names, headers: new StoredHeaderCache(undefined, ''), trees: new KeptTrees(names) }
    for (const path of [...paths, ...paths.toReversed()]) {
      const { object, diagnostics } = compile(files, path, options, { shared })
      expect(diagnostics, path).toEqual([])
      expect(Buffer.compare(object!, alone.get(path)!), path).toBe(0)
    }
  })

  it('shows places of its own for what an earlier compilation has parsed', () => {
    const files = new MemoryHost({
      '/w/types.h': types,
      '/w/a.c': program('first', 'struct filler_7 it = { 7 }; return it.member_7;'),
      '/w/wrong.c': `// A line more.\n${program('wrong', 'struct filler_7 { int other; } it; return it.member_7;')}struct filler_7 { int again; };\n`,
    })
    const told = (shared?: SharedState) => {
      const { diagnostics, sources } = compile(files, '/w/wrong.c', options, shared ? { shared } : {})
      return diagnostics.map(({ message, span, notes }) => [
        message,
        sources.position(span!.start),
        notes.map(note => sources.position(note.span!.start)),
      ])
    }
    const names = new Names()
    const shared: SharedState = { names, headers: new StoredHeaderCache(undefined, ''), trees: new KeptTrees(names) }
    compile(files, '/w/a.c', options, { shared })
    expect(told()).not.toEqual([])
    expect(told(shared)).toEqual(told())
  })

  it('tells of the stages in order', () => {
    const stages: Stage[] = []
    compile(host, '/w/a.c', options, { stageDone: stage => stages.push(stage) })
    expect(stages).toEqual(['preprocess', 'parse', 'check', 'lower', 'passes', 'generate'])
  })
})

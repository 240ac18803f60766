/** The typed trees of small programs, as text: `cases/typed.c` against `golden/typed.txt` (`npx vitest run test/compiler/typecheck -u`). */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { constantValue } from '../../../compiler/typecheck/constants.js'
import { objectSize } from '../../../compiler/typecheck/object-size.js'
import { printTypedUnit } from '../../../compiler/typecheck/print-typed.js'
import { casesOf, check } from './harness.js'

describe('typed trees', () => {
  it('are what they were', async () => {
    const cases = casesOf(readFileSync(new URL('cases/typed.c', import.meta.url), 'utf8'))
    const text = cases.map(({ title, source }) => {
      const { problems, unit } = check(source, ['-Wno-everything'])
      return `//// ${title}\n${problems.map(line => `${line}\n`).join('')}${unit ? printTypedUnit(unit) : ''}`
    })
    await expect(text.join('\n')).toMatchFileSnapshot('golden/typed.txt')
  })
})

describe('headers parsed on demand', () => {
  const header = `
struct deep { int never_asked; struct unknown_member *p; };
struct task { int pid; struct deep *deep; struct task *parent; };
typedef struct task task_t;
enum state { RUNNING, STOPPED = 4 };
static inline int helper(task_t *t) { return t->pid + STOPPED; }
static inline int unused_and_wrong(void) { return no_such_name; }
extern int kfunc(struct task *t);
`
  const source = `
#include "vmlinux.h"
extern int kfunc(struct task *t);
int f(task_t *t) { return helper(t->parent) + kfunc(t) + RUNNING; }
`

  it('give the same unit as parsed at once, and only what was asked for', () => {
    const lazy = check(source, [], { '/include/vmlinux.h': header }, 1)
    expect(lazy.problems).toEqual([])
    expect(lazy.unit!.functions.map(each => each.name).sort()).toEqual(['f', 'helper', 'kfunc'])
    const eager = check(
      source,
      [],
      { '/include/vmlinux.h': header.replace(/static inline int unused.*/, '') },
      Number.POSITIVE_INFINITY,
    )
    const body = (unit: NonNullable<typeof lazy.unit>): string =>
      printTypedUnit({ ...unit, functions: unit.functions.filter(each => each.name === 'f') })
    expect(body(lazy.unit!)).toBe(body(eager.unit!))
  })

  it('complete records only when somebody needs them', () => {
    const { unit } = check(source, [], { '/include/vmlinux.h': header }, 1)
    const param = unit!.functions.find(each => each.name === 'f')!.type.params[0]!.type
    const task =
      param.kind === 'pointer' && param.to.kind === 'typedef' && param.to.to.kind === 'record' ? param.to.to : undefined
    const field = task!.fields[1]!.type
    const deep = field.kind === 'pointer' && field.to.kind === 'record' ? field.to : undefined
    expect(deep!.complete).toBe(false)
    expect(unit!.complete(deep!)).toBe(true)
    expect(deep!.fields).toHaveLength(2)
  })

  it('are checked against what the user declares', () => {
    const { problems } = check(
      '#include "vmlinux.h"\nstruct task { int other; };\nlong kfunc(int a);\n',
      [],
      { '/include/vmlinux.h': header },
      1,
    )
    expect(problems.map(line => line.split('\n')[0])).toEqual([
      "2:8: error T0009: redefinition of 'task'",
      "3:6: error T0003: conflicting types for 'kfunc'",
    ])
  })
})

describe('constants for object writers', () => {
  it('are integers, or symbols with an offset', () => {
    const { unit } = check(
      'int a[4]; int *p = &a[3]; void *one = (void *) 1; char *s = "text" + 2; int (*f)(void); unsigned char n = 300;',
      ['-Wno-everything'],
    )
    const value = (name: string): unknown => {
      const known = constantValue(unit!.variables.find(each => each.name === name)!.init!.items[0]!.value)!
      return known.kind === 'int' ? known.value : [known.base.kind === 'string' ? 'string' : known.base.name, known.offset]
    }
    expect([value('p'), value('one'), value('s'), value('n')]).toEqual([['a', 12], 1n, ['string', 2], 44n])
  })

  it('count what goes into a flexible member', () => {
    const { unit } = check('struct { int n; int values[]; } v = { 2, { 1, 2 } };', ['-Wno-everything'])
    expect(objectSize(unit!.variables[0]!)).toBe(12)
  })
})

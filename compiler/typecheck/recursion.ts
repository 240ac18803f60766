/** Recursion: a function that can reach itself through direct calls has no place in eBPF, whose call depth is bounded. */
import type { Context } from './context.js'
import type { Place } from './report.js'
import type { FunctionDecl } from './typed-ast.js'

interface Edge {
  readonly callee: FunctionDecl
  readonly place: Place
}

/** Reports each cycle of the call graph once, at a call that closes it. */
export function checkRecursion(c: Context): void {
  const edges = new Map<FunctionDecl, Edge[]>()
  for (const { caller, callee, place } of c.calls) {
    if (!c.defined.has(callee)) continue
    const list = edges.get(caller)
    if (list) list.push({ callee, place })
    else edges.set(caller, [{ callee, place }])
  }
  const done = new Set<FunctionDecl>()
  const path: FunctionDecl[] = []
  const onPath = new Set<FunctionDecl>()
  const visit = (decl: FunctionDecl): void => {
    if (done.has(decl)) return
    path.push(decl)
    onPath.add(decl)
    for (const { callee, place } of edges.get(decl) ?? []) {
      // The optimiser makes a jump of it (passes/tail-recursion.ts).
      if (callee === decl && c.tailCalls.has(place.token)) continue
      if (onPath.has(callee)) report(c, path.slice(path.indexOf(callee)), callee, place)
      else visit(callee)
    }
    path.pop()
    onPath.delete(decl)
    done.add(decl)
  }
  for (const decl of c.functions) visit(decl)
}

function report(c: Context, cycle: readonly FunctionDecl[], callee: FunctionDecl, place: Place): void {
  const way = [...cycle, callee].map(decl => `'${decl.name}'`).join(' calls ')
  c.warn(
    'B0004',
    place,
    cycle.length === 1 ? `'${callee.name}' calls itself: eBPF has no recursion` : `recursion, which eBPF does not have: ${way}`,
    'bpf-recursion',
    {
      hint: 'write a loop with a bound; keep the state of what is still to do in an array or a map',
    },
  )
}

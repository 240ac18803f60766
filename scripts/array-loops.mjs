/**
 * `for (const x of list)`, where `list` is an array, as a loop that counts, while the bundles are made. Until V8 has made machine code of a
 * function, and in a command that is over in a fifth of a second that is of few, each element that `of` hands out costs a call and an object:
 * a quarter of all that a batch of compilations allocated. What is an array is asked of TypeScript; everything else stays as written. Array
 * iterators too ask for the length at each step, so that a list that grows on the way is walked to its new end either way.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const typedArray = /^(?:Int|Uint|Float|BigInt|BigUint)(?:8|16|32|64)(?:Clamped)?Array\b/

/** esbuild's plugin for the sources in `files`, paths relative to `root`. What TypeScript said is kept in the file `kept` until a source changes. */
export async function arrayLoops(root, files, kept) {
  const hash = createHash('sha256').update(readFileSync(new URL(import.meta.url)))
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  const state = hash.digest('hex')
  let found = readKept(kept, state)
  if (!found) {
    found = await loopsOver(root, files)
    mkdirSync(dirname(kept), { recursive: true })
    writeFileSync(kept, JSON.stringify({ state, found }))
  }
  return {
    name: 'array-loops',
    setup: build => {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const loops = found[relative(root, path)]
        return loops && { contents: rewritten(readFileSync(path, 'utf8'), loops), loader: 'ts' }
      })
    },
  }
}

function readKept(kept, state) {
  try {
    const { state: made, found } = JSON.parse(readFileSync(kept, 'utf8'))
    return made === state ? found : undefined
  } catch {
    return undefined
  }
}

/** By file, the loops over arrays: offsets of the head's declaration and of the list, the pattern declared and the names in it. */
async function loopsOver(root, files) {
  // Not yet promised to stay as it is: without it the loops stay as written, which is slower and not wrong.
  const modules = ['typescript/unstable/sync', 'typescript/unstable/ast'].map(name => import(name).catch(() => undefined))
  const [typescript, ast] = await Promise.all(modules)
  if (!typescript || !ast) {
    console.error('array-loops: this TypeScript has no interface to ask for types; the bundles walk arrays as they are written')
    return {}
  }
  const api = new typescript.API({ cwd: root })
  try {
    const config = join(root, 'tsconfig.json')
    const { program, checker } = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    const isArray = type =>
      type !== undefined &&
      (checker.isArrayType(type) || checker.isTupleType(type) || typedArray.test(checker.typeToString(type)))
    const found = {}
    for (const name of files) {
      const file = program.getSourceFile(join(root, name))
      const loops = []
      const visit = node => {
        if (ast.isForOfStatement(node) && !node.awaitModifier && ast.isVariableDeclarationList(node.initializer)) loops.push(node)
        node.forEachChild(visit)
      }
      file?.forEachChild(visit)
      if (loops.length === 0) continue
      const lists = checker.getTypeAtLocation(loops.map(loop => loop.expression))
      const items = checker.getTypeAtLocation(loops.map(loop => loop.initializer.declarations[0].name))
      const rows = loops.flatMap(({ initializer, expression }, i) => {
        const { name: pattern } = initializer.declarations[0]
        const names = namesIn(pattern, ast)
        // Loops in functions in a list stay as they are: offsets hold for the text as written.
        const inList = loops.some(({ expression: list }) => list.pos <= initializer.pos && initializer.pos < list.end)
        if (!isArray(lists[i]) || names.length === 0 || inList) return []
        const parts = isPlainTuple(pattern, ast) && isArray(items[i])
        const set = parts ? undefined : pattern.getText(file)
        return [{ at: initializer.getStart(file), from: expression.getStart(file), to: expression.end, names, set }]
      })
      if (rows.length > 0) found[name] = rows
    }
    return found
  } finally {
    api.close()
  }
}

function namesIn(pattern, ast) {
  if (ast.isIdentifier(pattern)) return [pattern.text]
  return pattern.elements.flatMap(element => (element.name ? namesIn(element.name, ast) : []))
}

/** `[a, b]`: names and no more. */
const isPlainTuple = (pattern, ast) =>
  ast.isArrayBindingPattern(pattern) &&
  pattern.elements.every(each => each.name && ast.isIdentifier(each.name) && !each.initializer && !each.dotDotDotToken)

/** The text with the loops' heads replaced. `set` is the pattern that an element is taken apart by; without it the names are its parts in order. */
function rewritten(text, loops) {
  let out = ''
  let done = 0
  for (const { at, from, to, names, set } of [...loops].sort((a, b) => a.at - b.at)) {
    const sets = set ? [`(${set} = $list[$at])`] : ['($item = $list[$at])', ...names.map((name, i) => `(${name} = $item[${i}])`)]
    const declared = [`$list = ${text.slice(from, to)}`, '$at = 0', ...(set ? [] : ['$item']), ...names]
    out += `${text.slice(done, at)}let ${declared.join(', ')}; $at < $list.length && (${sets.join(', ')}, true); $at++`
    done = to
  }
  return out + text.slice(done)
}

// Reads the helper facts out of Linux source trees: signatures (struct bpf_func_proto) and which program type may call which
// helper (the *_func_proto functions). Writes runtime/kernel/helper-protos.gen.ts.
// usage: node scripts/gen-kernel-helpers.mjs 6.1=DIR 6.12=DIR      (trees in ascending order of version)
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const trees = process.argv.slice(2).map(argument => argument.split('='))
if (trees.length === 0) {
  console.error('usage: gen-kernel-helpers.mjs VERSION=KERNEL_TREE...')
  process.exit(2)
}

function* cFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* cFiles(path)
    else if (entry.name.endsWith('.c')) yield path
  }
}

const clean = text => text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/^#.*$/gm, '')

/** Returns what a tree says: protos by C name, functions by C name. */
function readTree(tree) {
  const protos = {}
  const functions = {}
  for (const folder of ['kernel', 'net', 'security', 'fs', 'drivers/media/rc'])
    for (const path of cFiles(join(tree, folder))) {
      const raw = readFileSync(path, 'utf8')
      if (!raw.includes('bpf_func_proto')) continue
      const text = clean(raw)
      for (const [, name, body] of text.matchAll(/struct bpf_func_proto\s+(\w+)(?:\s+__\w+)?\s*=\s*\{([^}]*)\}/g)) {
        const fields = {}
        for (const [, key, value] of body.matchAll(/\.(\w+)\s*=\s*([^,]+)/g)) fields[key] = value.trim().replace(/\s+/g, ' ')
        protos[name] = fields
      }
      for (const match of text.matchAll(
        /struct bpf_func_proto\s*\*\s*(\w*func_proto)\s*\(\s*enum bpf_func_id func_id(?:,[^)]*)?\)\s*\{/g,
      )) {
        let depth = 1
        let end = match.index + match[0].length
        const start = end
        while (depth > 0) {
          if (text[end] === '{') depth++
          else if (text[end] === '}') depth--
          end++
        }
        functions[match[1]] = steps(text.slice(start, end - 1))
      }
    }
  return { protos, functions }
}

/** A function body as ordered steps: `@name` (ask that function first), or a map from helper to what is returned. */
function steps(body) {
  const found = []
  let cases
  let labels = []
  let guard = ''
  const statements = body
    .replace(/\bdefault\s*:/g, ' case DEFAULT : ')
    .matchAll(
      /case\s+(\w+)\s*:|switch\s*\(([^)]*)\)|return\s+([^;]+);|=\s*(\w*func_proto)\(|func\s*=\s*&(\w+_proto);|if\s*\(((?:[^()]|\([^()]*\))*)\)|break;|fallthrough;|\}/g,
    )
  let inner = []
  let depthSwitch = 0
  for (const [all, label, switched, returned, called, assigned, condition] of statements) {
    if (switched !== undefined) {
      if (/func_id/.test(switched)) {
        cases = {}
        found.push(cases)
        labels = []
        depthSwitch = 0
      } else {
        depthSwitch = 1
        inner = []
      }
    } else if (label) {
      if (depthSwitch) inner.push(label)
      else {
        if (labels.length && labels.done) labels = []
        labels.push(label)
        guard = ''
      }
    } else if (assigned) {
      for (const id of labels) cases[id.replace('BPF_FUNC_', '')] = assigned
      labels.done = true
    } else if (called) found.push(`@${called}`)
    else if (condition) guard = condition.replace(/\s+/g, ' ')
    else if (all === 'break;') {
      guard = ''
      if (!depthSwitch) labels.done = true
    } else if (all === '}') {
      if (depthSwitch) {
        depthSwitch = 0
        inner = []
      }
    } else if (returned !== undefined) {
      const value = returned.replace(/\s+/g, ' ').replace(/&/g, '').replace(/\(\)$/, '')
      if (!cases || labels.length === 0) {
        const call = /^(\w*func_proto)\(/.exec(value)
        if (call) found.push(`@${call[1]}`)
        continue
      }
      const prefix = depthSwitch ? `[${inner.join('|')}] ` : guard ? `{${guard}} ` : ''
      for (const id of labels) {
        const key = id.replace('BPF_FUNC_', '')
        const call = /^(\w*func_proto)\(/.exec(value)
        if (key === 'DEFAULT') {
          if (call && !prefix) found.push(`@${call[1]}`)
        } else cases[key] = cases[key] ? `${cases[key]} ; ${prefix}${value}` : prefix + value
      }
      if (depthSwitch) inner = []
      else if (!guard) labels.done = true
      guard = ''
    }
  }
  return found
}

/** C conditions of the kernel's functions, by the name our tables use for them; what is not here becomes `unknown`. */
const conditions = {
  'prog->expected_attach_type != BPF_LSM_CGROUP': '!lsm-cgroup',
  'btf_id_set_contains(bpf_lsm_locked_sockopt_hooks, prog->aux->attach_btf_id)': 'lsm-locked-sockopt',
  'btf_id_set_contains(&bpf_lsm_locked_sockopt_hooks, prog->aux->attach_btf_id)': 'lsm-locked-sockopt',
  'btf_id_set_contains(&bpf_lsm_unlocked_sockopt_hooks, prog->aux->attach_btf_id)': 'lsm-unlocked-sockopt',
  'prog->expected_attach_type == BPF_CGROUP_SETSOCKOPT': 'attach:CGROUP_SETSOCKOPT',
  'bpf_prog_check_recur(prog)': 'recursion-checked',
  'is_kprobe_multi(prog)': 'kprobe-multi',
  'prog->expected_attach_type == BPF_TRACE_KPROBE_MULTI': 'kprobe-multi',
  'prog->expected_attach_type == BPF_TRACE_UPROBE_MULTI': 'attach:TRACE_UPROBE_MULTI',
  'prog->type == BPF_PROG_TYPE_TRACING && prog->expected_attach_type == BPF_TRACE_RAW_TP': 'tracing-raw-tp',
  'bpf_prog_has_trampoline(prog)': 'trampoline',
  'prog->expected_attach_type == BPF_TRACE_ITER': 'attach:TRACE_ITER',
  'prog->sleepable': 'sleepable',
  'prog->aux->sleepable': 'sleepable',
  'bpf_token_capable(prog->aux->token, CAP_PERFMON)': 'privileged',
  'perfmon_capable()': 'privileged',
  'prog_ops_moff(prog) != offsetof(struct tcp_congestion_ops, release)': '!tcp-ca-release',
}

/** `A ; {cond} B ; [X|Y] C ; cond ? D : E` as a list of `condition=proto`, the first whose condition holds being the answer. */
function alternatives(text) {
  const list = []
  for (let part of text.split(' ; ')) {
    let condition = ''
    const guard = /^\{(.*?)\} /.exec(part)
    const arms = /^\[(.*?)\] /.exec(part)
    if (guard) {
      part = part.slice(guard[0].length)
      condition = conditions[guard[1]] ?? 'unknown'
    } else if (arms) {
      part = part.slice(arms[0].length)
      condition = arms[1] === 'DEFAULT' ? '' : `attach:${arms[1].replace(/BPF_/g, '')}`
    }
    const choice = /^(.*?) \? (\S+) : (\S+)$/.exec(part)
    if (choice && !condition) {
      // Lockdown and capabilities are settings of a machine; a privileged program on an open one is what is modelled.
      if (/locked_down|^!bpf_token_capable/.test(choice[1])) list.push(choice[3])
      else list.push(`${conditions[choice[1]] ?? 'unknown'}=${choice[2]}`, choice[3])
    } else {
      const call = /^(\w*func_proto)\(/.exec(part)
      const value = call ? `@${call[1]}` : /^\w+$/.test(part) ? part : /set_tunnel_proto/.test(part) ? 'TUNNEL' : 'unknown'
      list.push(condition ? `${condition}=${value}` : value)
    }
  }
  const end = list.findIndex(entry => !entry.includes('='))
  return (end < 0 ? list : list.slice(0, end + 1)).join(';')
}

/** Functions that return a proto by other means than its address. */
const made = {
  bpf_get_trace_printk_proto: 'bpf_trace_printk_proto',
  bpf_get_trace_vprintk_proto: 'bpf_trace_vprintk_proto',
  bpf_get_probe_write_proto: 'bpf_probe_write_user_proto',
}

/** `ret arg1 arg2 … : extras`, the extras being gpl, pkt, sleep, fastcall, allowed=…, sizeN=…, btfN=…, retbtf=…. */
function signature(fields) {
  const type = text => text.replace(/\bARG_|\bRET_/g, '').replace(/\s/g, '')
  const args = []
  for (let i = 1; i <= 5; i++) args.push(type(fields[`arg${i}_type`] ?? 'ARG_DONTCARE'))
  while (args.at(-1) === 'DONTCARE') args.pop()
  const extras = []
  if (fields.gpl_only === 'true') extras.push('gpl')
  if (fields.pkt_access === 'true') extras.push('pkt')
  if (fields.might_sleep === 'true') extras.push('sleep')
  if (fields.allow_fastcall === 'true') extras.push('fastcall')
  if (fields.allowed) extras.push(`allowed=${fields.allowed}`)
  const btf = text =>
    text
      .replace(/[&\s]/g, '')
      .replace(/BTF_(SOCK|TRACING)_TYPE_/g, '')
      .replace(/btf_(sock|tracing)_ids\[(\w+)\]/, '$1:$2')
  for (let i = 1; i <= 5; i++) {
    if (fields[`arg${i}_size`]) extras.push(`size${i}=${sizes[fields[`arg${i}_size`]] ?? 'unknown'}`)
    if (fields[`arg${i}_btf_id`]) extras.push(`btf${i}=${btf(fields[`arg${i}_btf_id`])}`)
  }
  if (fields.ret_btf_id) extras.push(`retbtf=${btf(fields.ret_btf_id)}`)
  return `${type(fields.ret_type ?? 'RET_INTEGER')}(${args.join(',')})${extras.length ? ` ${extras.join(' ')}` : ''}`
}
const sizes = {
  'sizeof(u32)': 4,
  'sizeof(s64)': 8,
  'sizeof(u64)': 8,
  'sizeof(long)': 8,
  'sizeof(unsigned long)': 8,
  'sizeof(struct iphdr)': 20,
  'sizeof(struct ipv6hdr)': 40,
  'sizeof(struct tcphdr)': 20,
}

const versions = trees.map(([version, path]) => [version, readTree(path)])
const protoRows = new Map()
const functionRows = new Map()
const record = (rows, name, version, value) => {
  const row = rows.get(name) ?? rows.set(name, []).get(name)
  if (row.length === 0 ? value !== null : row.at(-1)[1] !== value) row.push([version, value])
}
for (const [version, { protos, functions }] of versions) {
  const protoNames = new Set([...protoRows.keys(), ...Object.keys(protos)])
  for (const name of protoNames) record(protoRows, name, version, protos[name] ? signature(protos[name]) : null)
  const functionNames = new Set([...functionRows.keys(), ...Object.keys(functions)])
  for (const name of functionNames) {
    const text = functions[name]
      ?.map(step =>
        typeof step === 'string'
          ? step
          : Object.entries(step)
              .map(([helper, value]) => `${helper}:${alternatives(value).replace(/\b\w+\b/g, word => made[word] ?? word)}`)
              .join(' '),
      )
      .join(' / ')
    record(functionRows, name, version, text ?? null)
  }
}
const table = rows =>
  [...rows.keys()]
    .sort()
    .map(name => `  ${name}: ${JSON.stringify(rows.get(name))},`)
    .join('\n')
writeFileSync(
  process.env.OUT ?? 'runtime/kernel/helper-facts.gen.ts',
  `// Made by scripts/gen-kernel-helpers.mjs from the Linux source trees of ${versions.map(([version]) => version).join(', ')}; do not edit. Facts only.

/** A fact's value from a kernel version on; null from where it is gone. */
export type Since = readonly (readonly [version: string, value: string | null])[]

/** Signatures by the C name of the bpf_func_proto: \`return(arguments) extras\`. */
export const helperSignatures: Readonly<Record<string, Since>> = {
${table(protoRows)}
}

/** By *_func_proto function: steps separated by \` / \`, each another function (\`@name\`) or \`helper:alternatives\` (see helpers.ts). */
export const helperChoosers: Readonly<Record<string, Since>> = {
${table(functionRows)}
}
`,
)
for (const [version, { protos, functions }] of versions)
  console.log(version, Object.keys(protos).length, 'protos', Object.keys(functions).length, 'functions')

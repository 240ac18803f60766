/** What tracing, LSM and iterator programs ask of the kernel around them: files, tasks, symbols, stacks, samples, text. */
import { describe, expect, it } from 'vitest'
import { fileFixture, load } from '../../../index.js'

const HEADERS = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
`
const program = (text: string, options: Parameters<typeof load>[1] = {}) =>
  load(`${HEADERS}${text}`, { kernels: ['6.18'], ...options })
const ascii = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/\0.*$/s, '')
/** The bytes of a global variable, which is the only one of its section. */
const section = (loaded: Awaited<ReturnType<typeof load>>, name: string) =>
  loaded.maps[Object.keys(loaded.maps).find(each => each.endsWith(name))!]!.raw.get(new Uint8Array(4))!

describe('files', () => {
  it('bpf_d_path gives the path of a file, if it fits', async () => {
    const guard = await program(`
char path[24];
long length;
SEC("lsm/file_open")
int BPF_PROG(open, struct file *file) { length = bpf_d_path(&file->f_path, path, sizeof(path)); return 0; }
`)
    const open = (path: string) => {
      expect(guard.programs.open!.run({ args: [fileFixture(path)] }).fault).toBeUndefined()
      const bytes = section(guard, '.bss')
      return [new DataView(bytes.buffer, bytes.byteOffset).getInt32(24, true), ascii(bytes)]
    }
    expect(open('/etc/ssh/sshd_config')).toEqual([21, '/etc/ssh/sshd_config'])
    expect(open('/')).toEqual([2, '/'])
    expect(open('/a/path/that/is/much/too/long')[0]).toBe(-36)
  })

  it('goes through mounts', async () => {
    const guard = await program(`
char path[64];
long length;
SEC("lsm/file_open")
int BPF_PROG(open, struct file *file) { length = bpf_d_path(&file->f_path, path, sizeof(path)); return 0; }
`)
    const { objects } = guard.vm
    const dentry = (name: string, parent?: object) => ({
      struct: 'dentry',
      fields: { d_name: { name, len: name.length }, ...parent },
    })
    const root = dentry('/')
    const mountPoint = dentry('data', { d_parent: root })
    const inner = dentry('/')
    const top = objects.build({ struct: 'mount', fields: { 'mnt.mnt_root': root } })
    const mounted = objects.build({
      struct: 'mount',
      fields: { 'mnt.mnt_root': inner, mnt_parent: top, mnt_mountpoint: mountPoint },
    })
    const file = {
      struct: 'file',
      fields: { f_path: { dentry: dentry('log', { d_parent: inner }), mnt: objects.addressOf(mounted, 'mount', 'mnt') } },
    }
    expect(guard.programs.open!.run({ args: [file] }).fault).toBeUndefined()
    expect(ascii(section(guard, '.bss'))).toBe('/data/log')
  })
})

describe('tasks', () => {
  const source = `
__u64 found[4];
static long area(struct task_struct *task, struct vm_area_struct *vma, void *ctx)
{
	found[0] = vma->vm_start;
	return 0;
}
SEC("kprobe/do_nothing")
int look(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_pidns_info ns = {};
	int err;

	err = bpf_find_vma(task, 0x5000, area, NULL, 0);
	found[1] = bpf_get_ns_current_pid_tgid(4, 77, &ns, sizeof(ns)) ? 0 : ns.tgid;
	found[2] = ((struct pt_regs *)bpf_task_pt_regs(task))->ip;
	return err;
}
`
  it('have areas, registers and a namespace', async () => {
    const look = await program(source, {
      task: { pid: 10, tgid: 10, pidNamespace: { device: 4, inode: 77, pid: 1, tgid: 1 } },
      machine: { config: new Map([['CONFIG_BPF_KPROBE_OVERRIDE', 'y']]) },
    })
    look.vm.setCurrentTask(
      { struct: 'task_struct', fields: { pid: 10, comm: 'sh' } },
      { areas: [{ start: 0x4000, end: 0x6000 }], registers: { ip: 0x4010 } },
    )
    expect(look.programs.look!.run()).toMatchObject({ retval: 0, fault: undefined })
    const words = new BigUint64Array(section(look, '.bss').buffer.slice(0, 24))
    expect([...words]).toEqual([0x4000n, 1n, 0x4010n])
    look.vm.env.task.pidNamespace = { device: 4, inode: 78 }
    look.programs.look!.run()
    expect(new BigUint64Array(section(look, '.bss').buffer.slice(0, 24))[1]).toBe(0n)
  })

  it('functions are made to return something else', async () => {
    // Not asked of the verifier: it depends on a kernel's configuration.
    const { programs } = await program(
      `
SEC("kprobe.multi/do_*")
int deny(struct pt_regs *ctx) { bpf_override_return(ctx, -1); return 0; }
`,
      { verify: false },
    )
    expect(programs.deny!.run()).toMatchObject({ overridden: -1n, fault: undefined })
  })
})

describe('iterators', () => {
  it('visit tasks and write text', async () => {
    const { vm } = await program(`
SEC("iter/task")
int dump(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task) {
		BPF_SEQ_PRINTF(ctx->meta->seq, "%d tasks\\n", ctx->meta->seq_num);
		return 0;
	}
	BPF_SEQ_PRINTF(ctx->meta->seq, "%d %s\\n", task->pid, task->comm);
	return 0;
}`)
    vm.addTask({ struct: 'task_struct', fields: { pid: 7, comm: 'nginx' } })
    vm.addTask({ struct: 'task_struct', fields: { pid: 1, comm: 'init' } })
    const { text, runs } = vm.program('dump').iterate()
    expect(runs.map(run => run.fault)).toEqual([undefined, undefined, undefined])
    expect(text).toBe('1 init\n7 nginx\n2 tasks\n')
  })

  it('visit the elements of a map', async () => {
    const { vm, maps } = await program(
      `
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
SEC("iter/bpf_map_elem")
int dump(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (!key || !value)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u=%llu ", *key, *value);
	return 0;
}`,
      { verify: false },
    )
    maps.counts!.set(1, 10)
    maps.counts!.set(2, 20)
    const { text, runs } = vm.program('dump').iterate(undefined, { map: 'counts' })
    expect(runs.filter(run => run.fault)).toEqual([])
    expect(text).toBe('1=10 2=20 ')
    expect(() => vm.program('dump').iterate()).toThrow('say the map whose elements are shown')
  })
})

describe('data as text', () => {
  it('by BTF, as the kernel writes it', async () => {
    const show = await program(`
char out[160];
__u64 flags;
SEC("raw_tp/any")
int show(struct bpf_raw_tracepoint_args *ctx)
{
	struct btf_ptr ptr = { .ptr = (void *)ctx->args[0], .type_id = bpf_core_type_id_kernel(struct bpf_sock_tuple) };

	return bpf_snprintf_btf(out, sizeof(out), &ptr, sizeof(ptr), flags);
}
SEC("raw_tp/any")
int list(struct bpf_raw_tracepoint_args *ctx)
{
	struct btf_ptr ptr = { .ptr = (void *)ctx->args[0], .type_id = bpf_core_type_id_kernel(struct list_head) };

	return bpf_snprintf_btf(out, sizeof(out), &ptr, sizeof(ptr), BTF_F_COMPACT | BTF_F_PTR_RAW);
}
SEC("raw_tp/any")
int skb(struct bpf_raw_tracepoint_args *ctx)
{
	struct btf_ptr ptr = { .ptr = (void *)ctx->args[0], .type_id = bpf_core_type_id_kernel(struct __sk_buff) };

	return bpf_snprintf_btf(out, sizeof(out), &ptr, sizeof(ptr), BTF_F_COMPACT);
}`)
    const text = (name: string, struct: string, fields: object) => {
      const run = show.programs[name]!.run({ args: [{ struct, fields: fields as never }] })
      expect(run.fault).toBeUndefined()
      expect(run.retval).toBeGreaterThan(0)
      return ascii(section(show, '.bss'))
    }
    expect(text('list', 'list_head', { next: 1 })).toBe('(struct list_head){.next = (struct list_head *)0x0000000000000001,}')
    expect(text('list', 'list_head', {})).toBe('(struct list_head){}')
    expect(text('skb', '__sk_buff', { len: 1, cb: [1, 2, 3, 4, 5] })).toBe(
      '(struct __sk_buff){.len = (__u32)1,.cb = (__u32[])[1,2,3,4,5,],}',
    )
  })
})

describe('symbols and variables', () => {
  it('symbols have the addresses the test gives them', async () => {
    const loaded = await program(`
__u64 address;
const char name[] = "schedule";
SEC("syscall")
int find(void *ctx)
{
	return bpf_kallsyms_lookup_name(name, sizeof(name), 0, &address);
}`)
    expect(loaded.programs.find!.run().retval).toBe(-2)
    loaded.vm.env.symbols.set('schedule', 0xffffffff81000000n)
    expect(loaded.programs.find!.run().retval).toBe(0)
    expect(new BigUint64Array(section(loaded, '.bss').buffer.slice(0, 8))[0]).toBe(0xffffffff81000000n)
  })
})

describe('samples', () => {
  it('carry branches and a counter', async () => {
    const loaded = await program(`
struct perf_branch_entry_like { __u64 from, to, flags; } entries[2];
struct bpf_perf_event_value value;
SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	if (bpf_perf_prog_read_value(ctx, &value, sizeof(value)))
		return -1;
	return bpf_read_branch_records(ctx, entries, sizeof(entries), 0);
}`)
    const branches = [
      { from: 1n, to: 2n },
      { from: 3n, to: 4n },
      { from: 5n, to: 6n },
    ]
    expect(loaded.programs.sample!.run({ sample: { branches, counter: [7n, 8n, 9n] } }).retval).toBe(48)
    expect(loaded.programs.sample!.run({ sample: { branches } }).retval).toBe(-1)
    expect(loaded.programs.sample!.run({ sample: { counter: [7n, 8n, 9n] } }).retval).toBe(-2)
  })
})

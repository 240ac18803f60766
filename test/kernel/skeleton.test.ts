/**
 * The C skeleton in place of bpftool's: one C program, compiled with either header, opens the object, finds the same maps, programs and
 * variables at the same offsets, and loads with the same result. The TypeScript one drives a program in the running kernel. Needs root,
 * bpftool, libbpf and a C compiler. A few objects; with BPFC_OBJECTS and BPFC_ALL=1, all of the folder. Nothing is attached.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STV_HIDDEN, STV_INTERNAL } from '../../linker/elf/elf-types.js'
import { readElf } from '../../linker/elf/read-elf.js'
import { openObject } from '../../linker/object/open.js'
import { prepareObject } from '../../linker/object/prepare.js'
import { cSkeleton } from '../../linker/skeleton/c-skeleton.js'
import { liveBackend } from '../../runtime/live/skeleton-backend.js'
import { compileExample } from '../support/example.js'
import { kernelSource, missingForLibbpf, missingForLoading, objectFolder, oracle, works } from './oracle.js'

const SAMPLE = [
  'bpf_cubic',
  'test_core_extern',
  'test_global_data',
  'test_ksyms_weak',
  'test_map_in_map',
  'test_pkt_access',
  'test_ringbuf',
  'test_skeleton',
  'test_static_linked1',
  'test_subprogs',
  'test_vmlinux',
]

const missing = [...missingForLibbpf(works('bpftool', 'version') ? '' : 'bpftool'), ...missingForLoading()]
if (missing.length) console.warn(`skeleton.test: skipped, there is no ${missing.join(', no ')}`)

const HIDDEN: ReadonlySet<number> = new Set([STV_HIDDEN, STV_INTERNAL])

/** Where the variables of bpftool's header stand: one `section.variable` each, of the outermost structs. */
function variables(header: string, name: string): string[] {
  return [...header.matchAll(new RegExp(`struct ${name}__\\w+ \\{\\n([\\s\\S]*?)\\n\\t\\} \\*(\\w+);`, 'g'))].flatMap(
    ([, body, section]) =>
      body!
        .split('\n')
        // Two tabs: a member of the section, not of a struct in it. Padding is no variable.
        .map(line => /^\t\t(?!\t).*?(\w+)\)?(\[\w*\])*(\([^)]*\))?;$/.exec(line)?.[1])
        .filter(member => member !== undefined && !member.startsWith('__pad'))
        .map(member => `${section}.${member}`),
  )
}

/** Prints all that a user of the header can see; the answer of the kernel to loading comes last. */
function program(name: string, members: readonly string[]): string {
  // Sections without visible variables are mapped by some releases of bpftool and not by others.
  const sections = [...new Set(members.map(member => member.split('.')[0]))]
  return `
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/types.h>
typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64;
typedef __s8 s8; typedef __s16 s16; typedef __s32 s32; typedef __s64 s64;
#include HEADER
static int silent(enum libbpf_print_level level, const char *format, va_list args) { return 0; }
int main(void)
{
	struct ${name} *skel;
	size_t size;
	int i, error;
	libbpf_set_print(silent);
	if (!(skel = ${name}__open())) { printf("not opened: %d\\n", errno); return 0; }
	${name}__elf_bytes(&size);
	printf("%s %zu\\n", skel->skeleton->name, size);
	for (i = 0; i < skel->skeleton->map_cnt; i++) {
		struct bpf_map_skeleton *row = (void *)((char *)skel->skeleton->maps + i * skel->skeleton->map_skel_sz);
		printf("map %s %d at %zu\\n", row->name, *row->map != NULL, (size_t)((char *)row->map - (char *)skel));
${sections.map(section => `		if (row->mmaped == (void **)&skel->${section}) printf("%s is ${section}\\n", row->name);`).join('\n')}
	}
	for (i = 0; i < skel->skeleton->prog_cnt; i++) {
		struct bpf_prog_skeleton *row = (void *)((char *)skel->skeleton->progs + i * skel->skeleton->prog_skel_sz);
		printf("prog %s %d at %zu, link %zu\\n", row->name, *row->prog != NULL, (size_t)((char *)row->prog - (char *)skel),
		       row->link ? (size_t)((char *)row->link - (char *)skel) : 0);
	}
${members
  .map(member => {
    const [section, variable] = member.split('.')
    return `	printf("${member} at %zu, %zu bytes\\n", (size_t)((char *)&skel->${section}->${variable} - (char *)skel->${section}), sizeof skel->${section}->${variable});
	if (skel->${section}) { unsigned char *at = (void *)&skel->${section}->${variable}; size_t k; for (k = 0; k < sizeof skel->${section}->${variable}; k++) printf("%02x", at[k]); puts(""); }`
  })
  .join('\n')}
	error = ${name}__load(skel);
	printf("load %d\\n", error);
${sections.map(section => `	if (!error) printf("${section} %d\\n", skel->${section} != NULL);`).join('\n')}
	${name}__destroy(skel);
	return 0;
}
`
}

describe.skipIf(missing.length > 0)('cSkeleton', () => {
  it('works in place of bpftool’s header', { timeout: 3_600_000 }, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'bpfc-skeleton-'))
    const folder = objectFolder(scratch, SAMPLE)
    const all = process.env['BPFC_OBJECTS'] && process.env['BPFC_ALL']
    const names = readdirSync(folder)
      .filter(file => file.endsWith('.o'))
      .map(file => file.slice(0, -2))
      .filter(name => all || SAMPLE.includes(name))
    let loaded = 0
    let compared = 0
    const left: string[] = []
    const wrong: string[] = []
    for (const name of names) {
      const path = join(folder, `${name}.o`)
      const word = name.replace(/\W/g, '_')
      const peer = spawnSync('bpftool', ['gen', 'skeleton', path, 'name', word], { encoding: 'utf8', maxBuffer: 1 << 28 })
      // Older releases do not know .struct_ops.link, and say so.
      if (peer.status !== 0 || peer.stderr.includes('unrecognized data section')) {
        left.push(name)
        continue
      }
      const bytes = new Uint8Array(readFileSync(path))
      const object = openObject(bytes, path)
      writeFileSync(join(scratch, 'peer.h'), peer.stdout)
      writeFileSync(join(scratch, 'own.h'), cSkeleton(object, bytes, word))
      // Older bpftools (7.1) gave hidden variables a member; for libbpf 1.5 they count as static (btf_fixup_datasec), which nobody outside sees.
      const hidden = new Set(readElf(bytes).symbols.flatMap(symbol => (HIDDEN.has(symbol.visibility) ? symbol.name : [])))
      const members = variables(peer.stdout, word).filter(member => !hidden.has(member.split('.')[1]!))
      writeFileSync(join(scratch, 'use.c'), program(word, members))
      const answer = (header: string) => {
        const flags = `-O0 -w -I${scratch} -I${oracle}/include -I${kernelSource}/tools/include/uapi -o ${scratch}/${header}.out ${scratch}/use.c ${oracle}/lib/libbpf.a -lelf -lz`
        const built = spawnSync('cc', [`-DHEADER="${header}.h"`, ...flags.split(' ')], { encoding: 'utf8' })
        if (built.status !== 0) return { refused: built.stderr.slice(0, 600) }
        const { stdout, signal } = spawnSync(join(scratch, `${header}.out`), { encoding: 'utf8' })
        return { text: `${stdout}${signal ?? ''}` }
      }
      const theirs = answer('peer')
      // Headers with types of the kernel's need more than bpftool's gives them.
      if (theirs.refused !== undefined) {
        left.push(name)
        continue
      }
      const mine = answer('own')
      compared++
      if (mine.text?.includes('load 0\n')) loaded++
      if (mine.refused !== undefined) wrong.push(`${name}: ${mine.refused}`)
      else if (mine.text !== theirs.text) {
        const [have, want] = [mine.text.split('\n'), theirs.text.split('\n')]
        const at = have.findIndex((line, i) => line !== want[i])
        wrong.push(`${name}: ${have[at]} instead of ${want[at]}`)
      }
    }
    rmSync(scratch, { recursive: true })
    console.log(
      `skeleton.test: ${compared} headers compared, ${loaded} objects loaded; bpftool's header alone did not do for ${left.length}: ${left.slice(0, 20).join(', ')}`,
    )
    expect(wrong).toEqual([])
    expect(compared).toBeGreaterThan(6)
    expect(loaded).toBeGreaterThan(4)
  })
})

describe.skipIf(missing.length > 0)('liveBackend', () => {
  it('drives a program in the running kernel', () => {
    const { object } = compileExample(join(import.meta.dirname, '../../examples/xdp-firewall/xdp_firewall.bpf.c'))
    const backend = liveBackend(prepareObject(openObject(object, 'firewall.o'), {}), 'firewall')
    try {
      const [key, value] = [Uint8Array.of(16, 0, 0, 0, 10, 1, 0, 0), Uint8Array.of(1, 0, 0, 0)]
      expect(backend.lookup('blocked', key)).toBeUndefined()
      backend.update('blocked', key, value)
      expect(backend.lookup('blocked', key)).toEqual(value)
      expect([...backend.keys('blocked')]).toEqual([key])
      // An Ethernet header and the start of an IPv4 header whose source is 10.1.2.3: XDP_DROP.
      const packet = new Uint8Array(64)
      packet.set([0x08, 0x00, 0x45], 12)
      packet.set([10, 1, 2, 3], 26)
      expect(backend.run('firewall', packet).retval).toBe(1)
      expect(backend.remove('blocked', key)).toBe(true)
      expect(backend.remove('blocked', key)).toBe(false)
      expect(backend.run('firewall', packet).retval).toBe(2)
      expect([...backend.keys('sources')]).toEqual([Uint8Array.of(10, 1, 2, 3)])
      expect(() => backend.lookup('counters', new Uint8Array(4))).toThrow(/value for each CPU/)
      expect(() => backend.run('other')).toThrow(/only program firewall/)
      // The section is read-only once loaded.
      const section = backend.lookup('firewall.rodata', new Uint8Array(4)) ?? new Uint8Array(0)
      expect(section.length).toBeGreaterThan(0)
      expect(() => backend.update('firewall.rodata', new Uint8Array(4), section)).toThrow(/EPERM|error 1$/)
    } finally {
      backend.close()
    }
  })
})

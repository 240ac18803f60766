/** Fixtures of files: a path becomes the chain of dentries that `bpf_d_path` and programs that walk it themselves expect. */
import type { Fixture, FixtureValue } from './kernel-objects.js'

export interface FileOptions {
  readonly inode?: number | bigint
  /** Device of the file system: major in the upper 12 bits, minor in the lower 20. */
  readonly device?: number
  /** Permission bits and type, as in stat: 0o100644. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
  /** FMODE_READ (1), FMODE_WRITE (2). */
  readonly openMode?: number
  /** O_ flags of open. */
  readonly flags?: number
  /** More fields of `struct file`. */
  readonly fields?: { readonly [field: string]: FixtureValue }
}

/** The dentry of an absolute path; its parents up to the root are dentries of their own. */
export function dentryFixture(path: string, inode?: Fixture): Fixture {
  if (!path.startsWith('/')) throw new RangeError(`'${path}' is no absolute path`)
  let dentry: Fixture = { struct: 'dentry', fields: { d_name: { name: '/', len: 1 } } }
  const parts = path.split('/').filter(part => part !== '')
  for (const [index, name] of parts.entries())
    dentry = {
      struct: 'dentry',
      fields: {
        d_name: { name, len: new TextEncoder().encode(name).length },
        d_parent: dentry,
        ...(index === parts.length - 1 && inode && { d_inode: inode }),
      },
    }
  return dentry
}

/** A `struct file` that was opened by an absolute path. */
export function fileFixture(path: string, options: FileOptions = {}): Fixture {
  const { inode: number = 1, device = 0, mode = 0o100644, uid = 0, gid = 0, size = 0, openMode = 1, flags = 0 } = options
  const superBlock: Fixture = { struct: 'super_block', fields: { s_dev: device } }
  const inode: Fixture = {
    struct: 'inode',
    fields: { i_ino: number, i_mode: mode, 'i_uid.val': uid, 'i_gid.val': gid, i_size: size, i_sb: superBlock },
  }
  return {
    struct: 'file',
    fields: {
      f_inode: inode,
      f_mode: openMode,
      f_flags: flags,
      f_path: { dentry: dentryFixture(path, inode) },
      ...options.fields,
    },
  }
}

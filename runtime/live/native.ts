/** A few functions of libc over the optional `koffi` package: memory outside the JavaScript heap and the raw system call. Linux only. */
import { createRequire } from 'node:module'

type Ffi = (...args: unknown[]) => number | bigint

export interface Native {
  /** Result of `syscall(number, …)`; a failure is `-errno`. */
  syscall(number: number, a: number, b: bigint, c: number): number
  /** Address of a fresh copy of the bytes. Free it with `free`. */
  copyIn(bytes: Uint8Array): bigint
  /** Address of `size` zero bytes. */
  allocate(size: number): bigint
  copyOut(address: bigint, size: number): Uint8Array
  free(address: bigint): void
  close(fd: number): void
  /** Maps a descriptor, shared, readable and writable, at `hint` if that is not 0; the address, or `-errno`. It stays mapped. */
  map(hint: bigint, size: number, fd: number): bigint
  write(address: bigint, bytes: Uint8Array): void
}

const PROT_READ = 1
const PROT_WRITE = 2
const MAP_SHARED = 1
const MAP_FIXED = 16

/** Why the running kernel cannot be asked. */
export class LiveUnavailable extends Error {
  override readonly name = 'LiveUnavailable'
}

let loaded: Native | undefined

/** Loads the library once. Throws `LiveUnavailable` on other systems and where koffi is not installed. */
export function native(): Native {
  if (loaded) return loaded
  if (process.platform !== 'linux') throw new LiveUnavailable('the running kernel is not Linux')
  let koffi: { load(name: string): { func(prototype: string): Ffi }; errno(): number }
  try {
    koffi = createRequire(import.meta.url)('koffi') as typeof koffi
  } catch {
    throw new LiveUnavailable('the optional package koffi is not installed; `npm install koffi` adds it')
  }
  const libc = koffi.load('libc.so.6')
  const call = libc.func('long syscall(long number, int a, uint64_t b, uint32_t c)')
  const calloc = libc.func('uint64_t calloc(size_t count, size_t size)')
  const release = libc.func('void free(uint64_t address)')
  const mmap = libc.func('int64_t mmap(uint64_t hint, size_t size, int protection, int flags, int fd, int64_t offset)')
  const closeFd = libc.func('int close(int fd)')
  const library = koffi.load('libc.so.6')
  const toNative = library.func('uint64_t memcpy(uint64_t to, const void *from, size_t size)')
  const fromNative = koffi.load('libc.so.6').func('void *memmove(_Out_ void *to, uint64_t from, size_t size)')
  loaded = {
    syscall(number, a, b, c) {
      const result = Number(call(number, a, b, c))
      return result < 0 ? -koffi.errno() : result
    },
    allocate: size => BigInt(calloc(1, Math.max(1, size))),
    copyIn(bytes) {
      const address = BigInt(calloc(1, Math.max(1, bytes.length)))
      if (bytes.length > 0) toNative(address, bytes, bytes.length)
      return address
    },
    copyOut(address, size) {
      const bytes = new Uint8Array(size)
      if (size > 0) fromNative(bytes, address, size)
      return bytes
    },
    free: address => void release(address),
    close: fd => void closeFd(fd),
    map(hint, size, fd) {
      const address = BigInt(mmap(hint, size, PROT_READ | PROT_WRITE, hint === 0n ? MAP_SHARED : MAP_SHARED | MAP_FIXED, fd, 0))
      return address === -1n ? BigInt(-koffi.errno()) : address
    },
    write: (address, bytes) => void toNative(address, bytes, bytes.length),
  }
  return loaded
}

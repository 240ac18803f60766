/**
 * Standard output and error by their descriptors. Node's own stream objects take longer to make than most objects to dump, and keep what a
 * slow reader has not taken in memory.
 */
import { fstatSync, writeSync } from 'node:fs'

/** Characters gathered before they are written. */
const GATHERED = 1 << 16

/** Whether people watch a descriptor. */
export function isTerminal(descriptor: number): boolean {
  try {
    // What else is no file, a pipe or /dev/null is asked about with a module that brings sockets along.
    return fstatSync(descriptor).isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(descriptor)
  } catch {
    return false
  }
}

/** Writes to a descriptor in order; what is written in one go of the event loop goes out together. */
export class StandardStream {
  private pending = ''

  constructor(private readonly descriptor: number) {}

  write(text: string): void {
    if (this.pending === '') queueMicrotask(() => this.flush())
    this.pending += text
    if (this.pending.length >= GATHERED) this.flush()
  }

  flush(): void {
    if (this.pending === '') return
    const bytes = Buffer.from(this.pending)
    this.pending = ''
    this.writeNow(bytes)
  }

  /** UTF-8, behind all that was written before. */
  writeBytes(bytes: Uint8Array): void {
    this.flush()
    this.writeNow(bytes)
  }

  private writeNow(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.descriptor, bytes, at)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        // A reader that goes away (`bpfc dump … | head`) ends the command quietly.
        if (code === 'EPIPE') process.exit(0)
        if (code !== 'EAGAIN') throw error
        // A pipe that somebody made non-blocking, and whose reader is slow.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
      }
    }
  }
}

import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { Vm, type VmSocket } from '../../index.js'
import { compileExample, expectAccepted } from '../../test/support/example.js'
import { serviceMap } from './service-map.js'

const { prepared } = compileExample(join(import.meta.dirname, 'sidecarless_proxy.bpf.c'))

const ACTIVE_ESTABLISHED = 4
const PASSIVE_ESTABLISHED = 5
const SK_DROP = 0
const SK_PASS = 1

describe('sidecarless-proxy', () => {
  let vm: Vm

  /** One end of a connection, as the kernel reports it when the handshake is done. */
  const established = (local: string, remote: string, op: number) => {
    const socket = vm.addSocket({ local, remote })
    expect(vm.program('remember_socket').run({ socket, ctx: { op } }).fault).toBeUndefined()
    return socket
  }
  const connect = (client: string, server: string) => ({
    client: established(client, server, ACTIVE_ESTABLISHED),
    server: established(server, client, PASSIVE_ESTABLISHED),
  })
  const send = (socket: VmSocket, text: string, fragments?: readonly number[]) => {
    const run = vm.program('to_peer').run({ socket, packet: new TextEncoder().encode(text), ...(fragments && { fragments }) })
    expect(run.fault).toBeUndefined()
    return { verdict: run.retval, to: run.redirects[0]?.socket }
  }
  const flow = (client: string, server: string, port: number) => vm.maps['flows']!.typed.get({ client, server, port })

  beforeEach(() => {
    vm = new Vm(prepared)
    vm.maps['services']!.typed.set(8080, { refused_len: 10, refused: 'GET /admin' })
    vm.maps['services']!.typed.set(5432, { refused_len: 0 })
  })

  it('is accepted by the kernels of the support matrix', () => expectAccepted(prepared))

  it('hands messages from socket to socket, both ways', () => {
    const { client, server } = connect('10.0.1.5:40000', '10.0.2.7:8080')
    expect(send(client, 'GET /items HTTP/1.1\r\n\r\n')).toEqual({ verdict: SK_PASS, to: server })
    expect(send(server, 'HTTP/1.1 200 OK\r\n\r\n')).toEqual({ verdict: SK_PASS, to: client })
    expect(flow('10.0.1.5', '10.0.2.7', 8080)).toEqual({
      direct_messages: 2n,
      direct_bytes: 42n,
      stack_messages: 0n,
      refused: 0n,
    })
  })

  it('keeps connections apart', () => {
    const one = connect('10.0.1.5:40000', '10.0.2.7:8080')
    const two = connect('10.0.1.5:40001', '10.0.2.7:8080')
    expect(send(two.client, 'GET / HTTP/1.1').to).toBe(two.server)
    expect(send(one.server, 'HTTP/1.1 200').to).toBe(one.client)
  })

  it('leaves to the stack what goes to other nodes', () => {
    const client = established('10.0.1.5:40000', '192.0.2.9:8080', ACTIVE_ESTABLISHED)
    expect(send(client, 'GET /items HTTP/1.1')).toEqual({ verdict: SK_PASS, to: undefined })
    expect(flow('10.0.1.5', '192.0.2.9', 8080)).toMatchObject({ direct_messages: 0n, stack_messages: 1n })
  })

  it('leaves alone what is no service, and IPv6', () => {
    const ssh = connect('10.0.1.5:40000', '10.0.2.7:22')
    expect(send(ssh.client, 'SSH-2.0')).toEqual({ verdict: SK_PASS, to: undefined })
    const six = connect('[2001:db8::1]:40000', '[2001:db8::2]:8080')
    expect(send(six.client, 'GET /admin')).toEqual({ verdict: SK_PASS, to: undefined })
    expect([...vm.maps['flows']!.entries()]).toEqual([])
  })

  it('refuses what a service does not take, however the message is cut', () => {
    const { client, server } = connect('10.0.1.5:40000', '10.0.2.7:8080')
    expect(send(client, 'GET /admin/users HTTP/1.1').verdict).toBe(SK_DROP)
    expect(send(client, 'GET /admin/users HTTP/1.1', [4, 3, 18]).verdict).toBe(SK_DROP)
    expect(send(client, 'GET /admi').verdict).toBe(SK_PASS)
    expect(send(client, 'POST /admin').verdict).toBe(SK_PASS)
    // Answers are nobody's requests.
    expect(send(server, 'GET /admin').verdict).toBe(SK_PASS)
    const database = connect('10.0.1.5:40001', '10.0.2.8:5432')
    expect(send(database.client, 'GET /admin').to).toBe(database.server)
  })

  it('forgets connections that are closed', () => {
    const { client, server } = connect('10.0.1.5:40000', '10.0.2.7:8080')
    server.close()
    expect(send(client, 'GET / HTTP/1.1')).toEqual({ verdict: SK_PASS, to: undefined })
    expect([...vm.maps['sockets']!.keys()]).toHaveLength(1)
  })

  it('prints who talks to whom', () => {
    const shop = connect('10.0.1.5:40000', '10.0.2.7:8080')
    const other = connect('10.0.1.6:40000', '10.0.2.8:5432')
    send(shop.client, 'GET /items HTTP/1.1')
    send(shop.client, 'GET /admin HTTP/1.1')
    send(other.client, 'SELECT 1')
    expect(serviceMap(vm.maps['flows']!)).toBe(
      [
        '10.0.1.5 -> 10.0.2.7:8080  1 direct (19 bytes), 0 by the stack, 1 refused',
        '10.0.1.6 -> 10.0.2.8:5432  1 direct (8 bytes), 0 by the stack, 0 refused',
      ].join('\n'),
    )
  })
})

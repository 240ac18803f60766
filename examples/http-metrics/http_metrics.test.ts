import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Loaded, packet } from '../../index.js'
import { load } from '../../plugins/node/node.js'
import { prometheus } from './prometheus.js'

const client = '10.0.0.9'
const server = '10.0.0.80'

const source = join(import.meta.dirname, 'http_metrics.bpf.c')

describe('http-metrics', () => {
  let http: Loaded

  const segment = (src: string, dst: string, sport: number, dport: number, payload: string) =>
    expect(http.programs.http_metrics!.run(packet.tcp({ src, dst, sport, dport, flags: 'PA', payload }))).toMatchObject({
      fault: undefined,
      retval: 0,
    })
  const ask = (line: string, port = 50_000) => segment(client, server, port, 80, `${line}\r\nHost: shop\r\n\r\n`)
  const answer = (status: string, port = 50_000) => segment(server, client, 80, port, `HTTP/1.1 ${status}\r\n\r\n`)
  const exchange = (line: string, status: string, milliseconds = 1) => {
    ask(line)
    http.vm.advance(milliseconds * 1_000_000)
    answer(status)
  }
  const text = () => prometheus(http.maps.metrics!.entries())

  beforeEach(async () => {
    http = await load(source, { verify: false })
  })

  it('is accepted by the kernels of the support matrix', async () => {
    await expect(load(source)).resolves.toBeDefined()
  })

  it('counts requests by method, path and status, as Prometheus text', () => {
    exchange('GET /cart?user=7 HTTP/1.1', '200 OK', 5)
    exchange('GET /cart?user=8 HTTP/1.1', '200 OK', 15)
    exchange('GET /cart HTTP/1.1', '503 Service Unavailable')
    exchange('POST /orders HTTP/1.1', '201 Created')
    expect(text()).toBe(`# TYPE http_requests_total counter
http_requests_total{method="GET",path="/cart",status="200"} 2
http_requests_total{method="GET",path="/cart",status="503"} 1
http_requests_total{method="POST",path="/orders",status="201"} 1
# TYPE http_request_seconds_total counter
http_request_seconds_total{method="GET",path="/cart",status="200"} 0.02
http_request_seconds_total{method="GET",path="/cart",status="503"} 0.001
http_request_seconds_total{method="POST",path="/orders",status="201"} 0.001
`)
  })

  it('keeps connections apart', () => {
    ask('GET /a HTTP/1.1', 1001)
    ask('GET /b HTTP/1.1', 1002)
    answer('404 Not Found', 1002)
    answer('200 OK', 1001)
    expect(text()).toContain('{method="GET",path="/a",status="200"} 1')
    expect(text()).toContain('{method="GET",path="/b",status="404"} 1')
  })

  it('cuts long paths', () => {
    exchange(`GET /${'x'.repeat(200)} HTTP/1.1`, '200 OK')
    expect(text()).toContain(`path="/${'x'.repeat(62)}"`)
  })

  it('counts nothing for what is not HTTP, and for answers without a request', () => {
    answer('200 OK')
    for (const payload of [
      '',
      'GET',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaa',
      'lower /case HTTP/1.1',
      'GET nothing here at all',
    ])
      segment(client, server, 50_000, 80, payload)
    answer('200 OK')
    http.programs.http_metrics!.run(packet.udp({ payload: 'GET /udp HTTP/1.1\r\n\r\n' }))
    expect([...http.maps.metrics!.entries()]).toEqual([])
    expect([...http.maps.pending!.entries()]).toEqual([])
  })
})

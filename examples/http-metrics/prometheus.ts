/** The metrics map as Prometheus' text exposition format. */
import type { BtfValue } from '../../index.js'

interface Key {
  readonly request: { readonly method: string; readonly path: string }
  readonly status: number
}

interface Metrics {
  readonly requests: bigint
  readonly total_ns: bigint
}

const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`

export function prometheus(entries: Iterable<readonly [BtfValue, BtfValue]>): string {
  const rows = [...entries].map(([key, value]) => {
    const { request, status } = key as unknown as Key
    const labels = `{method=${quoted(request.method)},path=${quoted(request.path)},status="${status}"}`
    return { labels, ...(value as unknown as Metrics) }
  })
  rows.sort((a, b) => (a.labels < b.labels ? -1 : 1))
  return [
    '# TYPE http_requests_total counter',
    ...rows.map(row => `http_requests_total${row.labels} ${row.requests}`),
    '# TYPE http_request_seconds_total counter',
    ...rows.map(row => `http_request_seconds_total${row.labels} ${Number(row.total_ns) / 1e9}`),
    '',
  ].join('\n')
}

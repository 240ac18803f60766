/** Makes traffic.pcap: `node scripts/run-ts.mjs examples/xdp-firewall/make-traffic.ts`. */
import { writeFileSync } from 'node:fs'
import { packet, writePcap } from '../../index.js'

const web = { dst: '192.0.2.80', dport: 443 }
const packets = [
  packet.tcp({ src: '198.51.100.1', ...web, flags: 'S' }),
  packet.tcp({ src: '203.0.113.9', ...web, flags: 'S' }),
  packet.udp({ src: '198.51.100.2', dst: '192.0.2.53', dport: 53 }),
  packet.tcp({ src: '2001:db8::7', dst: '2001:db8::80', dport: 443 }),
  packet.icmp({ src: '203.0.113.77', dst: '192.0.2.80' }),
  packet.tcp({ src: '198.51.100.1', ...web, flags: 'A' }),
]
writeFileSync(
  new URL('traffic.pcap', `file://${process.argv[1]}`),
  writePcap(packets.map((bytes, index) => ({ bytes, time: 1_790_000_000_000_000_000n + BigInt(index) * 1_000_000n }))),
)

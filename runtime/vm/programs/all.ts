/** Names every program type, so that each adds itself to the table. */
import './netfilter.js'
import './plain.js'
import './skb.js'
import './tracing.js'
import './xdp.js'

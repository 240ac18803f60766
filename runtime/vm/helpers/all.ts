/** Names every family of helpers, so that each adds itself to the table. */
import './control.js'
import './events.js'
import './map-helpers.js'
import './print.js'
import './probe-read.js'
import './storage.js'
import './system.js'

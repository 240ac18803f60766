/** Walks over the tree of cgroups that a test made (kernel/bpf/cgroup_iter.c, kernel/cgroup/cgroup.c, 6.12): parents are the cgroups' `self.parent`. */
import { EINVAL } from '../errno.js'
import type { Machine } from '../machine.js'
import { objectsOf } from './files.js'
import { defineKfuncs } from './table.js'
import { endWalk, nextOfWalk, startWalk } from './walks.js'

const DESCENDANTS_PRE = 2
const DESCENDANTS_POST = 3
const ANCESTORS_UP = 4

/** The state of a cgroup's own subsystem lies at its start. */
const parentOf = (m: Machine, css: number) => objectsOf(m).word(css, 'cgroup', 'self.parent')

function descendants(m: Machine, css: number, post: boolean): number[] {
  const inner = m.cgroups.filter(each => parentOf(m, each) === css).flatMap(each => descendants(m, each, post))
  return post ? [...inner, css] : [css, ...inner]
}

function ancestors(m: Machine, css: number): number[] {
  const found: number[] = []
  for (let at = css; at !== 0 && !found.includes(at); at = parentOf(m, at)) found.push(at)
  return found
}

/** bpf_iter_css_new(it, start, flags). */
function cgroupsNew(m: Machine): void {
  const [start, flags] = [m.u32(2), m.u32(3)]
  if (flags < DESCENDANTS_PRE || flags > ANCESTORS_UP) {
    startWalk(m, 24, [])
    m.ret(-EINVAL)
    return
  }
  startWalk(m, 24, flags === ANCESTORS_UP ? ancestors(m, start) : descendants(m, start, flags === DESCENDANTS_POST))
  m.ret(0)
}

const CSS_TASK_ITER_PROCS = 1
const CSS_TASK_ITER_THREADED = 2

/** bpf_iter_css_task_new(it, css, flags): tasks whose default cgroup it is; with PROCS only leaders. */
function tasksNew(m: Machine): void {
  const [css, flags] = [m.u32(2), m.u32(3)]
  const objects = objectsOf(m)
  if (![0, CSS_TASK_ITER_PROCS, CSS_TASK_ITER_PROCS | CSS_TASK_ITER_THREADED].includes(flags)) {
    startWalk(m, 8, [])
    m.ret(-EINVAL)
    return
  }
  const items = m.tasks.addresses().filter(task => {
    const set = objects.word(task, 'task_struct', 'cgroups')
    if (set === 0 || objects.word(set, 'css_set', 'dfl_cgrp') !== css) return false
    return (
      !(flags & CSS_TASK_ITER_PROCS) || objects.word(task, 'task_struct', 'tgid') === objects.word(task, 'task_struct', 'pid')
    )
  })
  startWalk(m, 8, items)
  m.ret(0)
}

defineKfuncs({
  bpf_iter_css_new: cgroupsNew,
  bpf_iter_css_next: nextOfWalk,
  bpf_iter_css_destroy: endWalk,
  bpf_iter_css_task_new: tasksNew,
  bpf_iter_css_task_next: nextOfWalk,
  bpf_iter_css_task_destroy: endWalk,
  css_rstat_updated: m => m.ret(0),
  css_rstat_flush: m => m.ret(0),
})

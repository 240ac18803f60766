/** The kernels that a flag names. */
import { type KernelProfile, kernelProfile, kernelProfiles } from '../runtime/kernel/profile.js'

/** Profiles of `6.1,6.12` or `all`, in the order given; a sentence for a version that there is no profile of. */
export function chooseKernels(flag: string, text: string): KernelProfile[] | string {
  if (text === 'all') return [...kernelProfiles]
  const chosen: KernelProfile[] = []
  for (const version of text.split(',').map(part => part.trim())) {
    const profile = kernelProfile(version)
    if (!profile) return `${flag} ${version}: must be of ${kernelProfiles.map(each => each.version).join(', ')}, or all`
    chosen.push(profile)
  }
  return chosen
}

import type { Architecture } from './architecture.js';

const DESCRIPTION = `gate daemon: card on the pad, checked, registered and through
 cardpad is the daemon in a gate. Somebody puts an ID card on the pad; within
 about a second the gate asks a central service over MQTT, decides, and opens
 or calls somebody to help. Without a network it decides by local rule, and
 keeps every event on disk until the central service has it.
 .
 It drives card readers on serial lines, and lamps, buzzer and gate relay on
 GPIO lines. The reference central service is part of it.`;

/** What the compiled add-ons need of the C libraries: the newest versions of symbols in them, or what is older. */
export interface LibraryVersions {
  readonly glibc: string;
}

/** debian/control of the binary package (deb-control(5)). @param installedKib of the unpacked files */
export function control(
  version: string,
  architecture: Architecture,
  installedKib: number,
  { glibc }: LibraryVersions,
): string {
  return `Package: cardpad
Version: ${version}
Architecture: ${architecture}
Maintainer: the cardpad authors <cardpad@packages.invalid>
Installed-Size: ${installedKib}
Depends: nodejs (>= 20.15), nodejs (<< 21~), libc6 (>= ${glibc}), libstdc++6, init-system-helpers (>= 1.54~), systemd | systemd-sysusers, systemd | systemd-tmpfiles
Recommends: udev
Suggests: gpiod, mosquitto
Section: net
Priority: optional
Description: ${DESCRIPTION}
`;
}

/**
 * Perl that gets a line of the character device: GPIO uAPI version 2, include/uapi/linux/gpio.h, Linux 5.10 and newer.
 * Node has no ioctl(2); Perl has, and perl-base is part of every Debian. `struct gpio_v2_line_request` is packed in the
 * machine's own byte order. An output has its level in the request, so that it never shows the other one.
 */
export const LINE_REQUEST = `
use strict;
use warnings;

use constant { GET_LINE => 0xC250B407, INPUT => 1 << 2, OUTPUT => 1 << 3, ATTRIBUTE_OUTPUT_VALUES => 2, EBUSY => 16 };

sub request_line {
  my ($path, $offset, $flags, $level) = @_;
  open(my $device, '+<', $path) or return undef;
  my $attribute = defined $level ? pack('L x4 Q Q', ATTRIBUTE_OUTPUT_VALUES, $level, 1) : '';
  my $config = pack('Q L x20 a240', $flags, $attribute eq '' ? 0 : 1, $attribute);
  my $request = pack('L x252 a32 a272 L L x20 l', $offset, 'cardpad', $config, 1, 0, -1);
  ioctl($device, GET_LINE, $request) or return undef;
  open(my $line, '+<&=', unpack('x588 l', $request)) or return undef;
  return $line;
}
`;

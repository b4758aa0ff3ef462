import { LINE_REQUEST } from './lineRequest.js';

/**
 * The program that holds the lines of the character device.
 *
 * It takes one command a line on standard input, fields parted by tabs, and answers each in its turn with a line
 * `ok ...` or `error ERRNO TEXT`:
 *
 *     chips                                     ok, then for each chip: name, number of lines, label
 *     output NAME CHIP OFFSET SAFE              the line is driven, at SAFE from its first instant
 *     input NAME CHIP OFFSET BIAS-FLAGS         ok, then the level
 *     set NAME LEVEL
 *
 * By itself it says `level NAME LEVEL` when an input has changed, `pulse NAME` when it has and is as it was again, and
 * `lost NAME ERRNO TEXT` before it ends because an input cannot be read. When its input ends, however the gate died, it
 * drives every output to SAFE and ends; then the kernel lets the lines go. Signals that a service manager or a terminal
 * sends to the whole group are not for it.
 */
export const LINE_HELPER = String.raw`${LINE_REQUEST}
use constant {
  GET_CHIPINFO => 0x8044B401, GET_VALUES => 0xC010B40E, SET_VALUES => 0xC010B40F, EDGES => 1 << 4 | 1 << 5,
  EVENTS_BYTES => 16 * 48, LOOK_EVERY_S => 0.1, REST_S => 0.001,
};

my $devices = shift @ARGV;
my (%outputs, %inputs);
$0 = 'cardpad-gpio';
$SIG{$_} = 'IGNORE' for qw(HUP INT TERM PIPE);

sub tell_gate {
  my $line = join("\t", @_) . "\n";
  exit 0 if (syswrite(STDOUT, $line) // 0) != length $line;
}

sub failed { return ('error', $! + 0, "$!"); }

sub values_of {
  my ($line, $request, $bits) = @_;
  my $values = pack('Q Q', $bits, 1);
  ioctl($line, $request, $values) or return undef;
  return unpack('Q', $values) & 1;
}

sub chips {
  my @chips;
  for my $path (sort glob("$devices/gpiochip*")) {
    open(my $device, '+<', $path) or next;
    my $info = "\0" x 68;
    ioctl($device, GET_CHIPINFO, $info) or next;
    my ($name, $label, $count) = unpack('Z32 Z32 L', $info);
    $label =~ tr/\t\n//d;
    push @chips, $name, $count, $label;
  }
  return ('ok', @chips);
}

sub open_output {
  my ($name, $chip, $offset, $safe) = @_;
  my $line = request_line("$devices/$chip", $offset, OUTPUT, $safe) or return failed();
  $outputs{$name} = { line => $line, safe => $safe };
  return ('ok');
}

sub open_input {
  my ($name, $chip, $offset, $bias) = @_;
  my $line = request_line("$devices/$chip", $offset, INPUT | EDGES | $bias);
  # A chip without interrupts: its inputs are looked at often enough all the same.
  $line //= request_line("$devices/$chip", $offset, INPUT | $bias) unless $! == EBUSY;
  return failed() unless defined $line;
  my $level = values_of($line, GET_VALUES, 0);
  return failed() unless defined $level;
  $inputs{$name} = { line => $line, level => $level };
  return ('ok', $level);
}

sub set_output {
  my ($name, $level) = @_;
  return defined values_of($outputs{$name}{line}, SET_VALUES, $level) ? ('ok') : failed();
}

my %commands = (chips => \&chips, output => \&open_output, input => \&open_input, set => \&set_output);

sub look_at_input {
  my ($name, $had_event) = @_;
  my $input = $inputs{$name};
  sysread($input->{line}, my $events, EVENTS_BYTES) if $had_event;
  my $before = $input->{level};
  my $level = values_of($input->{line}, GET_VALUES, 0);
  if (!defined $level) {
    tell_gate('lost', $name, $! + 0, "$!");
    exit 1;
  }
  if ($level != $input->{level}) {
    $input->{level} = $level;
    tell_gate('level', $name, $level);
  } elsif ($had_event && !$input->{seen}) {
    tell_gate('pulse', $name);
  }
  # Seen before its event came: that event is no other change.
  $input->{seen} = !$had_event && ($input->{seen} || $level != $before);
  # A line that never comes to rest must not fill the gate's ears.
  select(undef, undef, undef, REST_S) if $had_event;
}

END {
  values_of($_->{line}, SET_VALUES, $_->{safe}) for values %outputs;
}

my $text = '';
while (1) {
  my $ready = '';
  vec($ready, fileno($_), 1) = 1 for *STDIN, map { $_->{line} } values %inputs;
  next if select($ready, undef, undef, %inputs ? LOOK_EVERY_S : undef) < 0;
  if (vec($ready, fileno(STDIN), 1)) {
    exit 0 unless sysread(STDIN, $text, 4096, length $text);
    while ($text =~ s/^([^\n]*)\n//) {
      my ($command, @fields) = split /\t/, $1;
      tell_gate($commands{$command}->(@fields));
    }
  }
  look_at_input($_, vec($ready, fileno($inputs{$_}{line}), 1)) for sort keys %inputs;
}
`;

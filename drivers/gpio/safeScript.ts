import { LINE_REQUEST } from './lineRequest.js';
import { SAFE_PLAN } from './safePlan.js';

/**
 * The program that the service runs behind a gate that ended, to put its outputs at their safe level within
 * milliseconds: a board that is busy starts Node in some tens of seconds. It takes the plan that the gate wrote before
 * it touched its first line. A plan of another run may be about lines that are wired otherwise by now, so that it has to
 * be of this one (`INVOCATION_ID`, systemd.exec(5)). Nothing of it is run: each field has to fit its pattern.
 */
export const SAFE_SCRIPT = String.raw`#!/usr/bin/perl
# Puts the outputs of a gate that ended at their safe level.
# usage: outputs-safe ROOT COMMAND ...
# ROOT is where sys and dev are. COMMAND does the same in its slow way; it is run where there is no plan of this run
# of the service in RUNTIME_DIRECTORY, or where a line does not do as it is told.
${LINE_REQUEST}
use constant { MOST_BYTES => 65536, TRIES => 20, TRY_EVERY_S => 0.05 };

my ($root, @otherwise) = @ARGV;
$root =~ s{/+\z}{};

sub otherwise {
  print STDERR "outputs-safe: $_[0]\n";
  exit 1 unless @otherwise;
  exec { $otherwise[0] } @otherwise;
  die "outputs-safe: cannot start $otherwise[0]: $!\n";
}

sub write_file {
  my ($path, $how, $text) = @_;
  open(my $file, $how, $path) or return 0;
  return (syswrite($file, $text) // 0) == length($text) && close($file);
}

sub by_sysfs {
  my ($number, $level) = @_;
  # Direction and level in one: Documentation/ABI/obsolete/sysfs-gpio in Linux.
  return write_file("$root/sys/class/gpio/gpio$number/direction", '+<', $level ? 'high' : 'low');
}

sub by_gpiochip {
  my ($chip, $offset, $level) = @_;
  for my $try (1 .. TRIES) {
    return 1 if request_line("$root/dev/$chip", $offset, OUTPUT, $level);
    # The process that held it is about to be gone.
    return 0 if $! != EBUSY || $try == TRIES;
    select(undef, undef, undef, TRY_EVERY_S);
  }
}

sub by_file {
  my ($folder, $line, $level) = @_;
  return write_file("$folder/.$line.new", '>', $level) && rename("$folder/.$line.new", "$folder/$line");
}

my @kinds = (
  [qr/\Asysfs\t([0-9]{1,9})\t([01])\z/, \&by_sysfs],
  [qr/\Agpiochip\t(gpiochip[0-9]{1,9})\t([0-9]{1,9})\t([01])\z/, \&by_gpiochip],
  [qr{\Asim\t(/[^\t]*)\t([a-z0-9-]{1,32})\t([01])\z}, \&by_file],
);

sub read_plan {
  my ($folder, $run) = @ENV{qw(RUNTIME_DIRECTORY INVOCATION_ID)};
  return otherwise('systemd says nothing of its run') unless $folder && $run;
  open(my $file, '<', "$folder/${SAFE_PLAN}") or return otherwise('this run of the gate has left no plan');
  my (undef, undef, $mode, undef, $owner, undef, undef, $bytes) = stat $file;
  return otherwise('its plan is no file of its own') unless -f _ && $owner == $> && !($mode & 022) && $bytes <= MOST_BYTES;
  local $/;
  my ($rows, $count) = <$file> =~ /\Acardpad outputs 1 \Q$run\E\n((?:[^\n]+\n)*)end ([0-9]{1,4})\n\z/;
  return otherwise('the plan is not of this run') unless defined $count;
  my @rows = split /\n/, $rows;
  return otherwise('its plan is not whole') unless @rows == $count;
  return @rows;
}

sub step_of {
  my ($row) = @_;
  for my $kind (@kinds) {
    my ($pattern, $drive) = @$kind;
    my @fields = $row =~ $pattern or next;
    return [$row, $drive, @fields];
  }
  return otherwise('its plan has a line that is none');
}

# All of it is read before the first line is touched; then no line keeps another on.
my @steps = map { step_of($_) } read_plan();
my @failed;
for my $step (@steps) {
  my ($row, $drive, @fields) = @$step;
  push @failed, join(' ', split(/\t/, $row)) . ": $!" unless $drive->(@fields);
}
otherwise(join('; ', @failed)) if @failed;
exit 0;
`;

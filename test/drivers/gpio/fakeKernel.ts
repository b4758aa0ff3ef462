import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StartHelper } from '../../../drivers/gpio/lineHelper.js';
import { LINE_HELPER } from '../../../drivers/gpio/lineHelperScript.js';

/**
 * A kernel for programs of Perl, which run as they are: `ioctl` is replaced, by the layouts of include/uapi/linux/gpio.h, read
 * apart from how they write them. Each line has a folder as gpio-sim in Linux has it: `value` is what an output
 * drives, `pull` what an input is pulled to, `events` a FIFO that wakes like a line does, `trace` every level driven.
 */
export const FAKE_KERNEL = `
BEGIN {
  my $devices = $ENV{FAKE_DEVICES} // $ARGV[0];
  my (%wired, %kept);
  my $put = sub { my ($path, $how, $text) = @_; open(my $file, $how, $path) or die "$path: $!"; print $file $text; close $file; };
  my $get = sub { open(my $file, '<', $_[0]) or return undef; my $text = <$file>; chomp $text if defined $text; return $text; };
  my $drive = sub { my ($folder, $level) = @_; $put->("$folder/trace", '>>', $level); $put->("$folder/value.new", '>', $level); rename "$folder/value.new", "$folder/value"; };
  my $refuse = sub { $! = $_[0]; return undef; };
  *CORE::GLOBAL::ioctl = sub (*$$) {
    my ($handle, $request) = @_;
    my $path = readlink '/proc/self/fd/' . fileno($handle);
    if ($request == 0x8044B401) {
      my ($label, $count) = split ' ', $get->($path);
      my ($name) = $path =~ m{([^/]+)$};
      $_[2] = pack('a32 a32 L', $name, $label, $count);
      return '0 but true';
    }
    if ($request == 0xC250B407) {
      die 'size' unless length $_[2] == 592;
      my @words = unpack('L148', $_[2]);
      my $offset = $words[0];
      die 'lines' unless $words[140] == 1;
      my $folder = "$devices/sim_gpio$offset";
      my $refused = $get->("$folder/refuse");
      $put->("$folder/refused", '>>', $refused) if $refused;
      return $refuse->($refused) if $refused;
      my $flags = unpack('Q', substr($_[2], 288, 8));
      $put->("$folder/flags", '>', $flags);
      my $is_output = $flags & 8;
      if ($is_output) {
        my ($count, $id, $values, $mask) = unpack('L x20 L x4 Q Q', substr($_[2], 296));
        die 'attribute' unless $count == 1 && $id == 2 && $mask == 1;
        $drive->($folder, $values);
      }
      open(my $line, '+<', "$folder/events") or die "$folder: $!";
      $kept{fileno $line} = $line;
      $wired{fileno $line} = { folder => $folder, is_output => $is_output };
      substr($_[2], 588, 4) = pack('l', fileno $line);
      return '0 but true';
    }
    my $line = $wired{fileno $handle} or return $refuse->(9);
    my $refused = $get->("$line->{folder}/refuse");
    return $refuse->($refused) if $refused;
    my ($bits, $mask) = unpack('Q Q', $_[2]);
    die 'mask' unless $mask == 1;
    if ($request == 0xC010B40F) { return $refuse->(1) unless $line->{is_output}; $drive->($line->{folder}, $bits); }
    elsif ($request == 0xC010B40E) { $_[2] = pack('Q Q', $get->("$line->{folder}/pull") eq 'pull-up' ? 1 : 0, 1); }
    else { return $refuse->(25); }
    return '0 but true';
  };
}
`;

/** Makes the folder of a fake board with one chip. */
export function makeFakeBoard(folder: string, chips: Readonly<Record<string, string>>): void {
  for (const [name, labelAndCount] of Object.entries(chips)) writeFileSync(join(folder, name), labelAndCount);
}

/** Makes a line of a fake board, pulled down. */
export function makeFakeLine(folder: string, offset: number, mkfifo: (path: string) => void): string {
  const line = join(folder, `sim_gpio${offset}`);
  mkdirSync(line);
  writeFileSync(join(line, 'pull'), 'pull-down');
  mkfifo(join(line, 'events'));
  return line;
}

/** Starts the helper over the fake kernel of this folder. */
export const startOnFake =
  (folder: string, program = FAKE_KERNEL + LINE_HELPER): StartHelper =>
  () =>
    spawn('perl', ['-e', program, folder], { stdio: 'pipe' });

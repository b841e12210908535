# Verifies the DKIM signatures of mails with Mail::DKIM, as verify.py does with dkimpy: the same input, and the same output. Mail::DKIM
# before 1.20240923 does not know Ed25519, and says so of such a signature. DNS is what standard input says; nothing is looked up.

use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my $given = decode_json(do { local $/; <STDIN> });

{
    # Waits for no server.
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my ($name) = @_;
        my $record = $given->{records}{$name} // return;
        # A string of a TXT record has at most 255 characters.
        return Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [unpack '(A255)*', $record]);
    };
}

sub verify {
    my ($mail) = @_;
    utf8::encode($mail);
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT($mail);
    $verifier->CLOSE;
    return [map { $_->result eq 'pass' ? '' : $_->result_detail } $verifier->signatures];
}

print encode_json([map { verify($_) } @{ $given->{mails} }]);

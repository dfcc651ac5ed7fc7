"""One mail to one person by SMTP. The moment from which the server may have it is told before it comes."""

import os
import re
import smtplib
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

from keepwell.core.settings import MailSecurity, Settings
from keepwell.performance.schedules.messages import Answer, Fault

PASSWORD = "KEEPWELL_MAIL_PASSWORD"  # noqa: S105 - the variable's name, no password
PATIENCE_SECONDS, ASKING_SECONDS = 60.0, 10.0  # for each answer: where a mail goes out, and where it is only asked whether one could
POLICY = SMTP_POLICY.clone(cte_type="7bit")
BEGIN, TAKEN, REFUSED_FOR_GOOD = 354, 250, 500
_PERIOD = re.compile(rb"(?m)^\.")


def send_mail(
    settings: Settings, mail: EmailMessage, hand_over: Callable[[], bool], environment: Mapping[str, str] = os.environ
) -> Answer | None:
    """Hand a mail with one recipient to the server of the settings; whatever happens is told, not raised. None where ``hand_over`` said no.

    The whole text is sent but the line that ends it; then ``hand_over`` is called, and only if it says so that line. A server without it keeps
    nothing (RFC 5321, 4.1.1.4), so that before the call nobody has the mail, and after it somebody may.
    """
    if not settings.mail_host:
        return Answer(Fault.NOT_SET_UP, "mail_host is empty")
    try:
        server = _reached(settings, environment)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        return Answer(Fault.UNREACHABLE, _words(error))
    try:
        return _handed(server, mail, hand_over)
    finally:
        server.close()


def fault_or_none(settings: Settings, environment: Mapping[str, str] = os.environ) -> str | None:
    """Why the server can't be reached or does not let us in, in its words; None where it does. No mail is sent."""
    try:
        _reached(settings, environment, ASKING_SECONDS).close()
    except smtplib.SMTPResponseException as error:
        return _said(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        return _words(error)
    return None


def _reached(settings: Settings, environment: Mapping[str, str], patience: float = PATIENCE_SECONDS) -> smtplib.SMTP:
    """A server that is greeted, over a protected way where that is asked for, and signed in to."""
    protected = ssl.create_default_context()
    if settings.mail_security is MailSecurity.TLS:
        server: smtplib.SMTP = smtplib.SMTP_SSL(settings.mail_host, settings.mail_port, timeout=patience, context=protected)
    else:
        server = smtplib.SMTP(settings.mail_host, settings.mail_port, timeout=patience)
    try:
        if settings.mail_security is MailSecurity.STARTTLS:
            server.starttls(context=protected)
        server.ehlo_or_helo_if_needed()
        if settings.mail_user:
            server.login(settings.mail_user, environment.get(PASSWORD, ""))
    except (OSError, smtplib.SMTPException):
        server.close()
        raise
    return server


def _handed(server: smtplib.SMTP, mail: EmailMessage, hand_over: Callable[[], bool]) -> Answer | None:
    try:
        answer = _up_to_the_text(server, mail)
        if answer is not None:
            return answer
        server.send(_PERIOD.sub(b"..", mail.as_bytes(policy=POLICY)))
    except (OSError, smtplib.SMTPException) as error:
        return Answer(Fault.UNREACHABLE, _words(error))
    if not hand_over():
        return None
    try:
        server.send(b".\r\n")
        code, said = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Answer(Fault.BROKEN_OFF, _words(error))
    return Answer(None, _said(code, said)) if code == TAKEN else _refused(code, said)


def _up_to_the_text(server: smtplib.SMTP, mail: EmailMessage) -> Answer | None:
    """The envelope; None where the server waits for the text."""
    sender, recipient = str(mail["From"].addresses[0].addr_spec), str(mail["To"].addresses[0].addr_spec)
    options: tuple[str, ...] = ()
    if not (sender + recipient).isascii():
        if not server.has_extn("smtputf8"):
            return Answer(Fault.REFUSED, "the server takes no address with such letters", is_final=True)
        server.command_encoding, options = "utf-8", ("SMTPUTF8", "BODY=8BITMIME")
    code, said = server.mail(sender, options)
    if code == TAKEN:
        code, said = server.rcpt(recipient)
    if code not in {TAKEN, TAKEN + 1}:
        return _refused(code, said)
    code, said = server.docmd("DATA")
    return None if code == BEGIN else _refused(code, said)


def _refused(code: int, said: bytes | str) -> Answer:
    return Answer(Fault.REFUSED, _said(code, said), is_final=code >= REFUSED_FOR_GOOD)


def _said(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__

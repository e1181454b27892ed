using System.Collections.Immutable;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary><c>Durable:Notices</c>: the webhook for notices.</summary>
/// <param name="Url"><c>Url</c>: the URL of the webhook.</param>
/// <param name="Secret"><c>Secret</c>: the key that signs notices.</param>
/// <param name="Kinds"><c>Kinds</c>: the kinds of notices to send.</param>
/// <param name="StuckAfter"><c>StuckAfter</c>: how long a run must only fail until it is reported as stuck.</param>
internal sealed record NoticeSettings(Uri Url, ImmutableArray<byte> Secret, ImmutableArray<NoticeKind> Kinds, TimeSpan StuckAfter)
{
    public NoticeOptions Options =>
        new(Kinds.Contains(NoticeKind.Failed), Kinds.Contains(NoticeKind.Stuck) ? StuckAfter : null, Kinds.Contains(NoticeKind.Mismatch));
}

using System.Collections.Immutable;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary><c>Durable:Notices</c>: where operators are told of what they should know.</summary>
/// <param name="Url"><c>Url</c>: a webhook.</param>
/// <param name="Secret"><c>Secret</c>: what notices are signed with.</param>
/// <param name="Kinds"><c>Kinds</c>: what is told.</param>
/// <param name="StuckAfter"><c>StuckAfter</c>: how long a run does nothing but fail before it is stuck.</param>
internal sealed record NoticeSettings(Uri Url, ImmutableArray<byte> Secret, ImmutableArray<NoticeKind> Kinds, TimeSpan StuckAfter)
{
    public NoticeOptions Options =>
        new(Kinds.Contains(NoticeKind.Failed), Kinds.Contains(NoticeKind.Stuck) ? StuckAfter : null, Kinds.Contains(NoticeKind.Mismatch));
}

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using DurableGateway.Configuration;
using DurableGateway.Protocol;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Egress;

/// <summary>A call of a service, as it is compared with those of other attempts.</summary>
/// <param name="Target">Route, method, path and query, without query parameters that do not count.</param>
/// <param name="Digest">
/// Of the body, without what does not count, of the headers that select another response, and of masked query parameters; empty for an
/// empty body without these.
/// </param>
/// <param name="Body">The whole body.</param>
/// <param name="ByDigest">
/// Whether the digest is part of the step's id. A step that is executed at most once is found again by its id alone.
/// </param>
internal sealed record ServiceCall(string Target, string Digest, ReadOnlyMemory<byte> Body, bool ByDigest)
{
    private const int DigestBytes = 16;
    private const int ShortDigest = 8;

    /// <summary>Leaves room for a number and a digest.</summary>
    private const int MaxTargetBytes = StepId.MaxBytes - 40;

    /// <summary>The headers by which calls of the same target ask for different things (RFC 9110, 13.1 and 14.2).</summary>
    private static readonly string[] Selecting =
    [
        HeaderNames.Range, HeaderNames.IfRange, HeaderNames.IfMatch, HeaderNames.IfNoneMatch, HeaderNames.IfModifiedSince,
        HeaderNames.IfUnmodifiedSince,
    ];

    /// <param name="route">The id of the route.</param>
    /// <param name="method">The method.</param>
    /// <param name="target">The target as the service wrote it.</param>
    /// <param name="headers">The headers.</param>
    /// <param name="body">The whole body.</param>
    /// <param name="rules">The rules of the route.</param>
    /// <param name="masked">
    /// The names of query parameters whose values operators must not see. Their digest counts, because the id is not secret.
    /// </param>
    public static ServiceCall Of(string route, string method, string target, IHeaderDictionary headers, ReadOnlyMemory<byte> body,
        StepRules rules, ImmutableArray<string> masked)
    {
        var (readable, secret) = CallContent.Readable(target, rules.IgnoredQuery, masked);
        return new ServiceCall($"{route} {method.ToUpperInvariant()} {readable}",
            DigestOf(headers, secret, CallContent.Significant(headers.ContentType, body, rules)), body, rules.Once);
    }

    /// <param name="number">The number of the call among those with the same target.</param>
    /// <param name="alike">The number of the call among those that are alike.</param>
    public string ToStepId(int number, int alike)
    {
        var name = Target;
        if (Encoding.UTF8.GetByteCount(name) > MaxTargetBytes)
        {
            var length = Math.Min(name.Length, MaxTargetBytes - (2 * ShortDigest) - 1);
            while (Encoding.UTF8.GetByteCount(name.AsSpan(0, length)) > MaxTargetBytes - (2 * ShortDigest) - 1
                || char.IsHighSurrogate(name[length - 1])) length--;
            name = $"{name[..length]}~{Hash(Encoding.UTF8.GetBytes(name))[..(2 * ShortDigest)]}";
        }

        if (ByDigest && Digest.Length > 0) name += $" ~{Digest[..ShortDigest]}";
        var count = ByDigest ? alike : number;
        return count > 1 ? $"{name}#{count}" : name;
    }

    /// <summary>
    /// The key by which the called service recognizes a repetition. It is the same in every attempt, whatever other calls were made, and
    /// whoever has it can do nothing with it here. If an operator has the run continue from the call or an earlier step, the key is
    /// another one: a service that knows the former key would give its former response.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <param name="alike">The number of the call among those that are alike.</param>
    /// <param name="repetition">How often an operator has had the call made again.</param>
    public string ToIdempotencyKey(RunId run, int alike, int repetition)
    {
        var again = repetition > 0 ? $"\n{repetition}" : "";
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{run}\n{Target}\n{Digest}\n{alike}{again}"));
        return $"\"{new Guid(hash.AsSpan(0, DigestBytes), bigEndian: true)}\"";
    }

    private static string DigestOf(IHeaderDictionary headers, string secret, ReadOnlyMemory<byte> body)
    {
        var selection = string.Concat(Selecting.Where(headers.ContainsKey).Select(name => $"{name}: {headers[name]}\n"));
        if (secret.Length > 0) selection += $"?{secret}\n";
        if (selection.Length == 0) return body.IsEmpty ? "" : Hash(body.Span);
        return Hash([.. Encoding.UTF8.GetBytes(selection + "\n"), .. body.Span]);
    }

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, DigestBytes));
}

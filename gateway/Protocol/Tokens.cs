using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;

namespace DurableGateway.Protocol;

/// <summary>
/// The capability tokens of the protocol. They are opaque to their bearers: <c>Durable-Token</c> for one attempt of one run (§2), the token
/// of a result URL, which contains its expiry (§5), the token of a callback URL (§6), and those of the calls that a service makes.
/// </summary>
internal sealed class Tokens(KeyRing keys)
{
    /// <summary>The reason if <see cref="CanVerify"/> is <see langword="false"/>.</summary>
    public const string KeysAway = "The keys are in the store, which has not answered yet.";

    private const string StepPurpose = "step";
    private const string ResultPurpose = "result";
    private const string CallbackPurpose = "callback";
    private const string EgressPurpose = "egress";
    private const int ClaimBytes = 8;
    private const int RunBytes = 16;

    /// <summary>
    /// The length of the longest egress address, in bytes, whose token is a value of <c>tracestate</c>: at most 256 characters (W3C Trace
    /// Context, §3.3.1.3.2).
    /// </summary>
    public const int MaxEgressNode = (256 - (((RunBytes + ClaimBytes + KeyRing.MacBytes) * 4 + 2) / 3) - 1) * 3 / 4;

    /// <summary>Whether tokens can be verified. The keys may be in a store that has not answered yet.</summary>
    public bool CanVerify => keys.IsReady;

    public string ForSteps(RunId run, Fence attempt) => Issue(StepPurpose, run, Claim(attempt));

    /// <summary>The attempt of the token; <see langword="null"/> if the token is not valid for this run.</summary>
    public Fence? VerifySteps(RunId run, string? token) =>
        Verify(StepPurpose, run, token) is { } claim ? FenceOf(claim) : null;

    public string ForResult(RunId run, DateTimeOffset end) => Issue(ResultPurpose, run, end.ToUnixTimeSeconds());

    /// <summary>The expiry of the token; <see langword="null"/> if the token is not valid for this run.</summary>
    public DateTimeOffset? VerifyResult(RunId run, string? token) =>
        Verify(ResultPurpose, run, token) is { } end ? DateTimeOffset.FromUnixTimeSeconds(end) : null;

    /// <summary>Creates the token of a result that is fetched at the path of its request. It is valid for that target only.</summary>
    public string ForResultAt(RunId run, string target, DateTimeOffset end) =>
        Issue($"{ResultPurpose} {target}", run, end.ToUnixTimeSeconds());

    /// <summary>The expiry of the token; <see langword="null"/> if the token is not valid for this run and target.</summary>
    public DateTimeOffset? VerifyResultAt(RunId run, string target, string? token) =>
        Verify($"{ResultPurpose} {target}", run, token) is { } end ? DateTimeOffset.FromUnixTimeSeconds(end) : null;

    /// <summary>Creates the token in the path of a callback URL (§6). It is valid for one step of one run.</summary>
    public string ForCallback(RunId run, string step) => Issue($"{CallbackPurpose}/{step}", run, 0);

    public bool VerifyCallback(RunId run, string step, string? token) => Verify($"{CallbackPurpose}/{step}", run, token) is not null;

    /// <summary>
    /// Creates the token by which a call of the service belongs to an attempt. It allows its bearer to make such calls, and nothing
    /// else.
    /// </summary>
    /// <param name="carrier">What carries the token. A token of one carrier is not valid in another.</param>
    /// <param name="run">The run.</param>
    /// <param name="attempt">The attempt.</param>
    /// <param name="node">The egress address of the node that holds the attempt.</param>
    public string ForEgress(string carrier, RunId run, Fence attempt, string node)
    {
        Span<byte> token = stackalloc byte[RunBytes + ClaimBytes + KeyRing.MacBytes];
        Write(token, run, Claim(attempt));
        keys.Mac($"{EgressPurpose} {carrier} {node}", token[..(RunBytes + ClaimBytes)], token[(RunBytes + ClaimBytes)..]);
        return $"{Base64Url.EncodeToString(token)}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(node))}";
    }

    /// <summary>What the token says; <see langword="null"/> if it is not valid in this carrier.</summary>
    public (RunId Run, Fence Attempt, string Node)? VerifyEgress(string carrier, string? text)
    {
        const int Length = RunBytes + ClaimBytes + KeyRing.MacBytes;
        const int MaxText = 1024;
        if (!keys.IsReady || text is not { Length: <= MaxText } || text.Split('.') is not [var token, var address]
            || !Base64Url.IsValid(token) || !Base64Url.IsValid(address)) return null;
        var bytes = Base64Url.DecodeFromChars(token);
        if (bytes.Length != Length) return null;
        var node = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(address));
        var message = bytes.AsSpan(0, RunBytes + ClaimBytes);
        if (!keys.Verify($"{EgressPurpose} {carrier} {node}", message, bytes.AsSpan(RunBytes + ClaimBytes))) return null;
        return (new RunId(new Guid(message[..RunBytes], bigEndian: true)),
            FenceOf(BinaryPrimitives.ReadInt64BigEndian(message[RunBytes..])), node);
    }

    private static long Claim(Fence attempt) => ((long)attempt.Nonce << 32) | (uint)attempt.Attempt;

    private static Fence FenceOf(long claim) => new((int)claim, (uint)(claim >> 32));

    private string Issue(string purpose, RunId run, long claim)
    {
        Span<byte> message = stackalloc byte[RunBytes + ClaimBytes];
        Write(message, run, claim);
        Span<byte> token = stackalloc byte[ClaimBytes + KeyRing.MacBytes];
        message[RunBytes..].CopyTo(token);
        keys.Mac(purpose, message, token[ClaimBytes..]);
        return Base64Url.EncodeToString(token);
    }

    private long? Verify(string purpose, RunId run, string? token)
    {
        const int Length = ClaimBytes + KeyRing.MacBytes;
        if (!keys.IsReady || token is null || token.Length != Base64Url.GetEncodedLength(Length) || !Base64Url.IsValid(token)) return null;
        var bytes = Base64Url.DecodeFromChars(token);
        if (bytes.Length != Length) return null;
        Span<byte> message = stackalloc byte[RunBytes + ClaimBytes];
        Write(message, run, BinaryPrimitives.ReadInt64BigEndian(bytes));
        return keys.Verify(purpose, message, bytes.AsSpan(ClaimBytes)) ? BinaryPrimitives.ReadInt64BigEndian(bytes) : null;
    }

    private static void Write(Span<byte> message, RunId run, long claim)
    {
        run.Value.TryWriteBytes(message, bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(message[RunBytes..], claim);
    }
}

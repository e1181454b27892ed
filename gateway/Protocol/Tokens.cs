using System.Buffers.Binary;
using System.Buffers.Text;

namespace DurableGateway.Protocol;

/// <summary>
/// The capability tokens of the protocol. They are opaque to their bearers: <c>Durable-Token</c> for one attempt of one run (§2), the token
/// of a result URL, which contains its expiry (§5), and the token of a callback URL (§6).
/// </summary>
internal sealed class Tokens(KeyRing keys)
{
    /// <summary>The reason if <see cref="CanVerify"/> is <see langword="false"/>.</summary>
    public const string KeysAway = "The keys are in the store, which has not answered yet.";

    private const string StepPurpose = "step";
    private const string ResultPurpose = "result";
    private const string CallbackPurpose = "callback";
    private const int ClaimBytes = 8;
    private const int RunBytes = 16;

    /// <summary>Whether tokens can be verified. The keys may be in a store that has not answered yet.</summary>
    public bool CanVerify => keys.IsReady;

    public string ForSteps(RunId run, Fence attempt) => Issue(StepPurpose, run, ((long)attempt.Nonce << 32) | (uint)attempt.Attempt);

    /// <summary>The attempt of the token; <see langword="null"/> if the token is not valid for this run.</summary>
    public Fence? VerifySteps(RunId run, string? token) =>
        Verify(StepPurpose, run, token) is { } claim ? new Fence((int)claim, (uint)(claim >> 32)) : null;

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

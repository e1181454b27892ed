using System.Buffers.Binary;
using System.Buffers.Text;

namespace DurableGateway.Protocol;

/// <summary>
/// The capabilities of the contract, all opaque to their bearers: <c>Durable-Token</c> for one attempt of one run (§2), the token of a
/// result URL, which carries its end (§5), and that of a callback URL (§6).
/// </summary>
internal sealed class Tokens(KeyRing keys)
{
    /// <summary>Why nothing can be verified while <see cref="CanVerify"/> is <see langword="false"/>.</summary>
    public const string KeysAway = "The keys are in the store, and the store has not answered yet.";

    private const string StepPurpose = "step";
    private const string ResultPurpose = "result";
    private const string CallbackPurpose = "callback";
    private const int ClaimBytes = 8;
    private const int RunBytes = 16;

    /// <summary>Whether any token can be told from a forged one: the keys may lie in a store that has not answered yet.</summary>
    public bool CanVerify => keys.IsReady;

    public string ForSteps(RunId run, Fence attempt) => Issue(StepPurpose, run, ((long)attempt.Nonce << 32) | (uint)attempt.Attempt);

    /// <summary>The attempt that the token is for, or <see langword="null"/> where it is not this run's.</summary>
    public Fence? VerifySteps(RunId run, string? token) =>
        Verify(StepPurpose, run, token) is { } claim ? new Fence((int)claim, (uint)(claim >> 32)) : null;

    public string ForResult(RunId run, DateTimeOffset end) => Issue(ResultPurpose, run, end.ToUnixTimeSeconds());

    /// <summary>The end that the token carries, or <see langword="null"/> where it is not this run's.</summary>
    public DateTimeOffset? VerifyResult(RunId run, string? token) =>
        Verify(ResultPurpose, run, token) is { } end ? DateTimeOffset.FromUnixTimeSeconds(end) : null;

    /// <summary>The token of a result that is fetched at the path of its request: good for that target only.</summary>
    public string ForResultAt(RunId run, string target, DateTimeOffset end) =>
        Issue($"{ResultPurpose} {target}", run, end.ToUnixTimeSeconds());

    /// <summary>The end that the token carries, or <see langword="null"/> where it is not this run's, or not for this target.</summary>
    public DateTimeOffset? VerifyResultAt(RunId run, string target, string? token) =>
        Verify($"{ResultPurpose} {target}", run, token) is { } end ? DateTimeOffset.FromUnixTimeSeconds(end) : null;

    /// <summary>The token in the path of a callback URL (§6): good for one step of one run.</summary>
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

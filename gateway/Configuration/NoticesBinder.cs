using System.Collections.Immutable;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary>Reads <c>Durable:Notices</c>.</summary>
internal static class NoticesBinder
{
    private const int FewestSecretBytes = 24;
    private const string SecretPrefix = "whsec_";

    /// <returns><see langword="null"/> if no webhook is configured.</returns>
    public static NoticeSettings? Bind(SettingsReader durable)
    {
        var notices = durable.Section("Notices");
        var url = notices.Url("Url");
        var secret = notices.Text("Secret");
        var stuckAfter = notices.Duration("StuckAfter", TimeSpan.FromMinutes(15), TimeSpan.FromSeconds(1), TimeSpan.FromDays(365));
        var kinds = Kinds(notices);
        notices.RefuseUnknownKeys();
        if (url is null)
            return secret is null
                ? null
                : notices.Report<NoticeSettings?>("Secret", "…", "is set, but Durable:Notices:Url is not; set both", null);
        var bytes = new byte[256];
        var text = secret?.StartsWith(SecretPrefix, StringComparison.Ordinal) is true ? secret[SecretPrefix.Length..] : secret ?? "";
        if (!Convert.TryFromBase64String(text, bytes, out var length) || length < FewestSecretBytes)
            return notices.Report<NoticeSettings?>("Secret", secret is null ? null : "…",
                $"is not base64 of at least {FewestSecretBytes} bytes; create one with: openssl rand -base64 32", null);
        return new NoticeSettings(new Uri(url), [.. bytes.AsSpan(0, length)], kinds, stuckAfter);
    }

    private static ImmutableArray<NoticeKind> Kinds(SettingsReader notices)
    {
        var all = Enum.GetValues<NoticeKind>();
        if (notices.Text("Kinds") is not { } text) return [.. all];
        var kinds = ImmutableArray.CreateBuilder<NoticeKind>();
        foreach (var word in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (all.Where(kind => kind.ToString().Equals(word, StringComparison.OrdinalIgnoreCase)).ToArray() is [var one]) kinds.Add(one);
            else notices.Report("Kinds", text, $"contains '{word}'; write one or more of {string.Join(", ", all)}", false);
        }

        return kinds.ToImmutable();
    }
}

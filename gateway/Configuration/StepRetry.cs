using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary>
/// How often a call of a service is made within one attempt before the service sees its failure: <c>Durable.Step.Retry</c>, which has the
/// syntax of <c>Durable-Step-Retry</c> in the wire contract.
/// </summary>
internal sealed record StepRetry
{
    private const int MostAttempts = 100;

    private static readonly RunPolicy Defaults = new()
    {
        MaxAttempts = 3,
        RetryDelay = TimeSpan.FromMilliseconds(200),
        MaxRetryDelay = TimeSpan.FromSeconds(5),
    };

    private readonly RunPolicy _schedule;

    private StepRetry(RunPolicy schedule) => _schedule = schedule;

    /// <summary>The most tries, with the first one.</summary>
    public int MaxAttempts => _schedule.MaxAttempts;

    /// <summary>The delay before the next try.</summary>
    /// <param name="failures">The number of failed tries; at least 1.</param>
    /// <param name="retryAfter">The <c>Retry-After</c> of the last one. It applies even beyond the longest delay.</param>
    /// <param name="random">A number in [0, 1) for the jitter.</param>
    public TimeSpan DelayAfter(int failures, TimeSpan? retryAfter, double random) =>
        RetrySchedule.Delay(_schedule, failures, retryAfter, random);

    /// <param name="text">For example <c>max-attempts=3, delay=0.2, max-delay=5, backoff=exponential</c>.</param>
    /// <param name="refuse">Called with the fault of each invalid member.</param>
    public static StepRetry Parse(string text, Action<string> refuse)
    {
        var retry = default(RetryOverride);
        foreach (var member in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var (name, value) = member.Split('=', 2, StringSplitOptions.TrimEntries) is [var key, var given] ? (key, given) : (member, "");
            switch (name)
            {
                case "max-attempts" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                    && count is > 1 and <= MostAttempts:
                    retry = retry with { MaxAttempts = count };
                    break;
                case "delay" when StructuredFields.TryParseSeconds(value, out var delay):
                    retry = retry with { Delay = delay };
                    break;
                case "max-delay" when StructuredFields.TryParseSeconds(value, out var longest):
                    retry = retry with { MaxDelay = longest };
                    break;
                case "backoff" when Enum.GetNames<BackoffShape>().FirstOrDefault(shape => value == Wire(shape)) is { } shape:
                    retry = retry with { Backoff = Enum.Parse<BackoffShape>(shape) };
                    break;
                case "max-attempts":
                    refuse($"has max-attempts='{value}', which is not a number from 2 to {MostAttempts}");
                    break;
                case "delay" or "max-delay":
                    refuse($"has {name}='{value}', which is not a number of seconds, for example 0.5");
                    break;
                case "backoff":
                    refuse($"has backoff='{value}', which is none of {string.Join(", ", Enum.GetNames<BackoffShape>().Select(Wire))}");
                    break;
                default:
                    refuse($"has '{member}', which is none of max-attempts=<number>, delay=<seconds>, max-delay=<seconds> and "
                        + "backoff=<shape>; separate several with commas");
                    break;
            }
        }

        var schedule = retry.Over(Defaults);
        if (retry.Delay > schedule.MaxRetryDelay)
        {
            if (retry.MaxDelay is null) schedule = schedule with { MaxRetryDelay = schedule.RetryDelay };
            else refuse("has a delay that is longer than its max-delay");
        }

        return new StepRetry(schedule);
    }

    private static string Wire(string shape) => shape.ToLowerInvariant();
}

namespace DurableGateway.Listeners;

/// <summary>The gateway does not connect to the destination that a service has chosen.</summary>
internal sealed class DestinationRefusedException(string message) : IOException(message)
{
    public static DestinationRefusedException? In(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is DestinationRefusedException found) return found;
        }

        return null;
    }
}

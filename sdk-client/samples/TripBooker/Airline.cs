using System.Collections.Concurrent;
using DurableGateway.Client;

namespace TripBooker;

internal sealed record Trip(string From, string To);

internal sealed record Flight(string Number, string From, string To, decimal Price);

internal sealed record Seat(string Flight, string Row);

internal sealed record Payment(string Id, decimal Amount);

internal sealed record Ticket(string Number);

/// <summary>Simulates the services that a booking calls. It prints each call that is executed.</summary>
internal static class Airline
{
    private static readonly ConcurrentDictionary<string, int> Reservations = new();

    public static async Task<Flight> SearchAsync(Trip trip, CancellationToken cancellationToken)
    {
        await WorkAsync(400, "search", $"flights from {trip.From} to {trip.To}", cancellationToken);
        return new Flight("DG 417", trip.From, trip.To, 129.00m);
    }

    /// <summary>Fails the first time, as a real airline sometimes does.</summary>
    public static async Task<Seat> ReserveAsync(Flight flight, RunInfo run, CancellationToken cancellationToken)
    {
        await WorkAsync(300, "reserve", $"a seat on {flight.Number}", cancellationToken);
        if (Reservations.AddOrUpdate(run.Id ?? "", 1, (_, tries) => tries + 1) == 1)
        {
            Console.WriteLine("             ✗ the airline's system is busy");
            throw new HttpRequestException("The airline's system is busy.");
        }

        return new Seat(flight.Number, "12A");
    }

    public static async Task<Payment> PayAsync(Flight flight, CancellationToken cancellationToken)
    {
        await WorkAsync(500, "pay", $"{flight.Price} EUR", cancellationToken);
        return new Payment("P-" + Random.Shared.Next(10_000, 99_999), flight.Price);
    }

    public static async Task<Ticket> ConfirmAsync(Seat seat, Payment payment, CancellationToken cancellationToken)
    {
        await WorkAsync(200, "confirm", $"seat {seat.Row}, paid with {payment.Id}", cancellationToken);
        return new Ticket("TRIP-" + Random.Shared.Next(100_000, 999_999));
    }

    private static async Task WorkAsync(int milliseconds, string what, string with, CancellationToken cancellationToken)
    {
        Console.WriteLine($"  executing  {what,-8} {with}");
        await Task.Delay(milliseconds, cancellationToken);
    }
}
